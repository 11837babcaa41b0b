"""Points of curves, how far a part may go in its time, and what is written and drawn of them."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot as plt

from bench.machine import machine

COLUMNS = 3
SPREAD = 100
"""From so many times its least x on, a curve is drawn on a logarithmic axis."""


class Point(NamedTuple):
    """A figure of a curve: at `x` of what is `over` the axis, `y`."""

    over: str
    curve: str
    x: float
    y: float


class Budget:
    """Seconds that a part may take, from now on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def sizes(self, what: str, sizes: Sequence[int]) -> Iterator[int]:
        """Each size, as long as the time that is left suffices for as much more as it is greater than the last one."""
        last, took = 0, 0.0
        for size in sizes:
            expected = took * size / last if last else 0.0
            if expected > self.left:
                print(
                    f"left out: {size:,} {what}: some {expected:.0f} s, of which there are {self.left:.0f}", flush=True
                )
                return
            began = time.monotonic()
            yield size
            last, took = size, time.monotonic() - began

    @property
    def left(self) -> float:
        """Seconds; less than 0 once it is overdrawn."""
        return self._end - time.monotonic()


def write(points: Sequence[Point], folder: Path) -> None:
    """All points as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "points": [one._asdict() for one in points]}
    (folder / "growth.json").write_text(json.dumps(everything, indent=1) + "\n")


def draw(points: Sequence[Point], folder: Path) -> Path:
    """One picture: curves over the same thing and of the same unit, the name's last word, share an axis."""
    panels = list(dict.fromkeys((one.over, _unit(one)) for one in points))
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(5 * COLUMNS, 3.5 * rows), squeeze=False)
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
    at = [one.x for one in points]
    scale = "symlog" if max(at) >= SPREAD * max(1.0, min(at)) else "linear"
    panel.set(xlabel=over, ylim=(0, None), xscale=scale)
    panel.legend(fontsize=7)
