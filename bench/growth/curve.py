"""Points of curves, how far a part may go in its time, and what is written of them."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.machine import machine


class Point(NamedTuple):
    """A figure of a curve: at `x` of what is `over` the axis, `y`."""

    over: str
    curve: str
    x: float
    y: float


class Budget:
    """Seconds that a part may take, from now on."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def sizes(self, what: str, sizes: Sequence[int]) -> Iterator[int]:
        """The first one, and each that is expected, by those before it, to take no longer than is left."""
        took: list[tuple[int, float]] = []
        for size in sizes:
            if took and (expected := _expected(took, size)) > self.left:
                print(f"left out: {size:,} {what}: some {expected:.0f} s, {self.left:.0f} are left", flush=True)
                return
            began = self._clock()
            yield size
            took.append((size, self._clock() - began))

    @property
    def left(self) -> float:
        """Seconds; less than 0 once it is overdrawn."""
        return self._end - self._clock()


def _expected(took: Sequence[tuple[int, float]], size: int) -> float:
    """On the line through the last two, and no less than the last, in seconds."""
    last, seconds = took[-1]
    if len(took) == 1:
        return seconds
    before, less = took[-2]
    return max(seconds, seconds + (seconds - less) / (last - before) * (size - last))


def write(points: Sequence[Point], folder: Path) -> None:
    """All points as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "points": [one._asdict() for one in points]}
    (folder / "growth.json").write_text(json.dumps(everything, indent=1) + "\n")
