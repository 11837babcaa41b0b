"""From figures to a table, to remarks and to a file."""

import json
import os
import platform
import timeit
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from bench.contender import BARE_LOOP, PLAIN_FAUST
from bench.rounds import Figures, Sizes

HERE = Path(__file__).parent
ANCHORS = HERE / "anchors.json"
RESULTS = HERE / "results"
SLOW = 0.8
"""Below this part of its anchor the bare loop says that the machine is not what it was."""

PLAIN_FAUST_RATE = (220, 350)
"""Commands a second between which a plain Faust agent is on the machine of the anchors."""

BUSY = 1.5
YARDSTICK = "sum(range(1_000_000))"
_HEAD = ("workload", "contender", "commands/s", "min - max", "÷ bare", "÷ plain", "CPU µs", "p50 ms", "p99 ms", "MiB")
_WIDTHS = (20, 12, 10, 15, 7, 8, 7, 7, 8, 6)
Medians = dict[str, dict[str, dict[str, float]]]


def medians(figures: Sequence[Figures]) -> Medians:
    """By workload and contender: the median of each figure, and of the rate the least and the greatest too."""
    found: Medians = {}
    for workload, contender in dict.fromkeys((one.workload, one.contender) for one in figures):
        same = [one for one in figures if (one.workload, one.contender) == (workload, contender)]
        rates = [one.rate for one in same]
        columns = {name: [getattr(one, name) for one in same] for name in ("rate", "cpu", "peak_mib", "p50", "p99")}
        values = {name: median(column) for name, column in columns.items() if None not in column}
        found.setdefault(workload, {})[contender] = values | {"min": min(rates), "max": max(rates)}
    return found


def table(found: Medians) -> str:
    """One line a workload and contender."""
    lines = [_line(_HEAD), _line(tuple("-" * width for width in _WIDTHS))]
    for workload, contenders in found.items():
        lines += [_line(_cells(workload, name, contenders)) for name in contenders]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    words = [
        cell.ljust(width) if at < 2 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return " ".join(words).rstrip()


def _cells(workload: str, name: str, contenders: dict[str, dict[str, float]]) -> tuple[str, ...]:
    one = contenders[name]
    return (
        workload,
        name,
        f"{one['rate']:,.0f}",
        f"{one['min']:,.0f} - {one['max']:,.0f}",
        _ratio(one, contenders.get(BARE_LOOP.name), ".2f"),
        _ratio(one, contenders.get(PLAIN_FAUST.name), ".1f"),
        f"{one['cpu']:.0f}",
        f"{one['p50']:.1f}" if "p50" in one else "",
        f"{one['p99']:.1f}" if "p99" in one else "",
        f"{one['peak_mib']:.0f}",
    )


def _ratio(one: dict[str, float], other: dict[str, float] | None, form: str) -> str:
    return format(one["rate"] / other["rate"], form) if other else ""


def remarks(found: Medians, load: float) -> Iterator[str]:
    """What makes these figures doubtful: a machine that is busy, another one, or one that is not what it was."""
    if load > BUSY:
        yield f"the machine was busy at the start: load {load:.1f}"
    anchors = json.loads(ANCHORS.read_text())
    if anchors["machine"] != machine():
        yield f"the anchors of {anchors['date']} are of another machine: {anchors['machine']}"
    if yardstick() * SLOW > anchors["yardstick_ms"]:
        yield f"one core takes {yardstick():.0f} ms for {YARDSTICK}, with the anchors it took {anchors['yardstick_ms']}"
    for workload, contenders in found.items():
        yield from _bare(workload, contenders, anchors["rates"])
        yield from _plain(workload, contenders)


def _bare(workload: str, contenders: dict[str, dict[str, float]], anchors: dict[str, Any]) -> Iterator[str]:
    anchor = anchors.get(workload, {}).get(BARE_LOOP.name)
    if anchor and BARE_LOOP.name in contenders and contenders[BARE_LOOP.name]["rate"] < SLOW * anchor:
        rate = contenders[BARE_LOOP.name]["rate"]
        yield f"{workload}: the bare loop did {rate:,.0f}/s, below {SLOW} of its anchor of {anchor:,.0f}/s"


def _plain(workload: str, contenders: dict[str, dict[str, float]]) -> Iterator[str]:
    low, high = PLAIN_FAUST_RATE
    rate = contenders[PLAIN_FAUST.name]["rate"] if PLAIN_FAUST.name in contenders else low
    if not low <= rate <= high:
        yield f"{workload}: plain Faust did {rate:,.0f}/s, outside {low}-{high}/s"


def machine() -> str:
    """The processor, its number of cores, and the memory."""
    model = next((line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    kib = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {kib / 2**20:.0f} GiB"


@cache
def yardstick() -> float:
    """How long one core of this machine takes for `YARDSTICK` when the others rest, in ms."""
    return min(timeit.repeat(YARDSTICK, number=5, repeat=5)) / 5 * 1000


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def write(file: Path | None, sizes: Sizes, figures: Sequence[Figures], found: Medians, said: Sequence[str]) -> Path:
    """All of it as JSON, in `file` or one in `bench/results` named by the time."""
    now = datetime.now(UTC)
    file = file or RESULTS / f"{now:%Y-%m-%dT%H-%M-%SZ}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    everything = {
        "at": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "yardstick_ms": round(yardstick(), 1),
        "sizes": sizes._asdict(),
        "medians": found,
        "runs": [one._asdict() for one in figures],
        "remarks": list(said),
    }
    file.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    return file
