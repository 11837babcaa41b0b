"""`python -m bench.plots FILE FOLDER`: the figures of a run as pictures, and as a table for a page."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.report import markdown

mpl.use("agg")

WIDTH, HEIGHT, DOTS = 10, 4.5, 110
PAGES = {"pages", "hot page"}
QUANTILES = ("p50", "p99", "p999")
Medians = Mapping[str, Mapping[str, Mapping[str, float]]]


def draw(found: Medians, folder: Path) -> list[Path]:
    """A PNG of rates, one of pages, and one of latencies; those for which there are figures."""
    folder.mkdir(parents=True, exist_ok=True)
    writes = {name: contenders for name, contenders in found.items() if name not in PAGES}
    pages = {name: contenders for name, contenders in found.items() if name in PAGES}
    drawn = [
        _rates(writes, folder / "rates.png", "commands a second (logarithmic)", logarithmic=True),
        _rates(pages, folder / "pages.png", "pages of 50 messages a second", logarithmic=False),
        _latencies(writes, folder / "latency.png"),
    ]
    return [file for file in drawn if file is not None]


def _rates(found: Medians, file: Path, label: str, *, logarithmic: bool) -> Path | None:
    if not found:
        return None
    names = list(dict.fromkeys(name for contenders in found.values() for name in contenders))
    bars = {name: [found[workload].get(name, {}).get("rate", 0.0) for workload in found] for name in names}
    _, axes = plt.subplots(figsize=(WIDTH, HEIGHT))
    _grouped(axes, bars, list(found))
    axes.set_ylabel(label)
    if logarithmic:
        axes.set_yscale("log")
    return _saved(file)


def _latencies(found: Medians, file: Path) -> Path | None:
    measured = {
        f"{workload}\n{name}": values
        for workload, contenders in found.items()
        for name, values in contenders.items()
        if "half_p50" in values
    }
    if not measured:
        return None
    _, both = plt.subplots(2, 1, figsize=(WIDTH, 2 * HEIGHT))
    for axes, (when, title) in zip(both, (("half", "at half of the rate"), ("idle", "alone")), strict=True):
        bars = {one: [values[f"{when}_{one}"] for values in measured.values()] for one in QUANTILES}
        _grouped(axes, bars, list(measured))
        axes.set(ylabel="ms (logarithmic)", yscale="log", title=f"from command to event, {title}")
    return _saved(file)


def _grouped(axes: plt.Axes, bars: Mapping[str, Sequence[float]], groups: Sequence[str]) -> None:
    """Bars of a colour for each name, side by side in each group."""
    thick = 0.8 / len(bars)
    for number, (name, values) in enumerate(bars.items()):
        drawn = axes.bar([at + number * thick for at in range(len(groups))], values, thick, label=name)
        axes.bar_label(drawn, fmt=lambda value: f"{value:,.0f}" if value else "", fontsize=7, rotation=45)
    axes.set_xticks([at + 0.4 - thick / 2 for at in range(len(groups))], groups, fontsize=8)
    axes.margins(y=0.2)
    axes.legend(fontsize=8, ncols=len(bars), loc="upper center", bbox_to_anchor=(0.5, -0.12))


def _saved(file: Path) -> Path:
    plt.tight_layout()
    plt.savefig(file, dpi=DOTS)
    plt.close()
    return file


def main() -> None:
    """Prints the names of the files, and the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.plots", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    found = json.loads(asked.file.read_text())["medians"]
    for file in draw(found, asked.folder):
        print(file)
    print(markdown(found))


if __name__ == "__main__":
    main()
