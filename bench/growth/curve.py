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
        """Each size, as long as the time that is left suffices for as much more as it is greater than the last one."""
        last, took = 0, 0.0
        for size in sizes:
            expected = took * size / last if last else 0.0
            if expected > self.left:
                print(
                    f"left out: {size:,} {what}: some {expected:.0f} s, of which there are {self.left:.0f}", flush=True
                )
                return
            began = self._clock()
            yield size
            last, took = size, self._clock() - began

    @property
    def left(self) -> float:
        """Seconds; less than 0 once it is overdrawn."""
        return self._end - self._clock()


def write(points: Sequence[Point], folder: Path) -> None:
    """All points as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "points": [one._asdict() for one in points]}
    (folder / "growth.json").write_text(json.dumps(everything, indent=1) + "\n")
