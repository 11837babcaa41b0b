"""What is drawn of the curves."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.growth.curve import Point

mpl.use("agg")

COLUMNS = 3
SPREAD = 100
"""From so many times its least x on, a curve is drawn on a logarithmic axis."""


def draw(points: Sequence[Point], folder: Path) -> Path:
    """One picture: curves over the same thing and of the same unit, the name's last word, share an axis."""
    panels = list(dict.fromkeys((one.over, _unit(one)) for one in points))
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 3.5 * rows), squeeze=False)
    for panel, (over, unit) in zip(axes.flat, panels, strict=False):
        _draw(panel, over, [one for one in points if (one.over, _unit(one)) == (over, unit)])
    for panel in axes.flat[len(panels) :]:
        panel.set_axis_off()
    figure.tight_layout()
    file = folder / "growth.png"
    figure.savefig(file, dpi=110)
    return file


def _unit(one: Point) -> str:
    return one.curve.split()[-1] if " in " in one.curve else one.curve.split(",")[0]


def _draw(panel: plt.Axes, over: str, points: Sequence[Point]) -> None:
    for curve in dict.fromkeys(one.curve for one in points):
        mine = [one for one in points if one.curve == curve]
        panel.plot([one.x for one in mine], [one.y for one in mine], marker="o", label=curve)
    at = sorted({one.x for one in points})
    least = next((x for x in at if x > 0), 1.0)
    panel.set(xlabel=over, ylim=(0, 1.1 * max(one.y for one in points)))
    if at[-1] >= SPREAD * least:  # 0, where it is among them, is as far from the least as that from ten times as much
        panel.set_xscale("symlog", linthresh=least)
        panel.set_xlim(0 if at[0] == 0 else least / 2, at[-1] * 2)
    panel.legend(fontsize=7)
