"""More and more threads: the first command to each of them, and those that come after it."""

from collections.abc import Iterator, Sequence

from bench.growth.curve import Budget, Point
from bench.load import Burst
from bench.measure import usage
from bench.stage import Stage
from bench.workload import Workload

EACH = 20
"""Threads of a learner."""

BURST = 20_000
OVER = "threads"


def threads(on: Stage, budget: Budget, sizes: Sequence[int]) -> Iterator[Point]:
    """Each size has threads of its own, all of them touched before the second figure. A worker holds them all."""
    held = 0
    for number, size in enumerate(budget.sizes(OVER, sizes)):
        one = Workload(f"growth {size}", 16 + number, size, each=EACH)
        on.furnish(one)
        held += size
        yield Point(OVER, "commands/s, first touch", size, on.send(Burst(one, size, touch=True)).rate)
        yield Point(OVER, "commands/s, warm", size, on.send(Burst(one, BURST)).rate)
        yield Point("threads touched", "the worker's memory in MiB", held, usage(on.worker.pid).resident)
