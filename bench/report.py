"""From figures to tables and to a file."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.machine import machine, yardstick
from bench.rounds import Figures, Sizes

RESULTS = Path(__file__).parent / "results"
Medians = dict[str, dict[str, dict[str, float]]]


class Column(NamedTuple):
    """A figure's heading and how it is printed; `against`: its ratio to that contender's."""

    heading: str
    figure: str
    form: str
    against: str = ""


COLUMNS = (
    Column("a second", "rate", ",.0f"),
    Column("min", "min", ",.0f"),
    Column("max", "max", ",.0f"),
    Column("÷ bare", "rate", ".2f", against="bare"),
    Column("÷ Faust", "rate", ".1f", against="plain Faust"),
    Column("÷ PG", "rate", ".1f", against="FastAPI + PostgreSQL"),
    Column("CPU µs", "cpu", ",.0f"),
    Column("bytes", "bytes", ",.0f"),
    Column("MiB", "peak_mib", ",.0f"),
    Column("half p50", "half_p50", ",.1f"),
    Column("half p99", "half_p99", ",.1f"),
    Column("p99.9", "half_p999", ",.1f"),
    Column("idle p50", "idle_p50", ",.1f"),
    Column("idle p99", "idle_p99", ",.1f"),
    Column("p99.9", "idle_p999", ",.1f"),
)
WIDTH = 8


def medians(figures: Sequence[Figures]) -> Medians:
    """By workload and contender: the median of each figure, and of the rate the least and the greatest too."""
    found: Medians = {}
    for workload, contender in dict.fromkeys((one.workload, one.contender) for one in figures):
        same = [one.values for one in figures if (one.workload, one.contender) == (workload, contender)]
        rates = [one["rate"] for one in same]
        values = {name: median(one[name] for one in same if name in one) for name in same[-1]}
        found.setdefault(workload, {})[contender] = values | {"min": min(rates), "max": max(rates)}
    return found


def table(found: Medians) -> str:
    """One line a workload and contender."""
    left = "workload".ljust(20) + " contender".ljust(22)
    lines = [left + " ".join(column.heading.rjust(WIDTH) for column in COLUMNS)]
    for workload, contenders in found.items():
        for name, values in _fastest_first(contenders):
            cells = [_cell(column, values, contenders) for column in COLUMNS]
            lines.append(f"{workload:20} {name:21}" + " ".join(cell.rjust(WIDTH) for cell in cells))
    return "\n".join(lines)


def _cell(column: Column, values: dict[str, float], contenders: dict[str, dict[str, float]]) -> str:
    if column.figure not in values:
        return ""
    if not column.against:
        return format(values[column.figure], column.form)
    other = next((contenders[name] for name in contenders if name.startswith(column.against)), None)
    return format(values[column.figure] / other[column.figure], column.form) if other else ""


def markdown(found: Medians) -> str:
    """The same for a page."""
    heads = ("workload", "contender", *(column.heading for column in COLUMNS))
    lines = [heads, ("---",) * len(heads)]
    for workload, contenders in found.items():
        for name, values in _fastest_first(contenders):
            lines.append((workload, name, *(_cell(column, values, contenders) for column in COLUMNS)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _fastest_first(contenders: dict[str, dict[str, float]]) -> list[tuple[str, dict[str, float]]]:
    return sorted(contenders.items(), key=lambda item: -item[1]["rate"])


def line(one: Figures) -> str:
    """A figure as it comes."""
    values = one.values
    latency = "".join(
        f", {when} p50 {values[f'{when}_p50']:.1f} p99 {values[f'{when}_p99']:.1f} ms"
        for when in ("half", "idle")
        if f"{when}_p50" in values
    )
    return (
        f"round {one.round}: {one.workload}: {one.contender}: {values['rate']:,.0f}/s, {values['cpu']:.0f} µs{latency}"
    )


class Journal:
    """The file with all figures: whole after each of them, so that who ends a run early loses none."""

    def __init__(self, file: Path | None, sizes: Sizes) -> None:
        now = datetime.now(UTC)
        self.file = file or RESULTS / f"{now:%Y-%m-%dT%H-%M-%SZ}" / "figures.json"
        self.figures: list[Figures] = []
        self._head = {"at": now.isoformat(timespec="seconds"), "sizes": sizes._asdict()}
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def add(self, one: Figures) -> None:
        """Takes a figure and writes the file."""
        self.figures.append(one)
        self.write(())

    def write(self, remarks: Sequence[str]) -> None:
        """Writes the file, with what is to be said of the run."""
        everything: dict[str, Any] = self._head | {
            "machine": machine(),
            "yardstick_ms": round(yardstick(), 1),
            "medians": medians(self.figures),
            "runs": [one._asdict() for one in self.figures],
            "remarks": list(remarks),
        }
        partial = self.file.with_suffix(".tmp")
        partial.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
        partial.replace(self.file)
