"""The same threads, on and on: rate and memory of a worker against the commands that it has done."""

from collections.abc import Iterator

from bench.growth.curve import Budget, Point
from bench.load import Burst
from bench.measure import usage
from bench.stage import Stage
from bench.workload import Workload

BURST = 20_000
STEADY = Workload("steady", 14, threads=5_000)
OVER = "commands done"


def steady(on: Stage, budget: Budget, commands: int) -> Iterator[Point]:
    """As many of the commands as there is time for."""
    on.furnish(STEADY)
    on.send(Burst(STEADY, STEADY.threads, touch=True))
    for done in range(BURST, commands + 1, BURST):
        if budget.left < 0:
            return
        rate = on.send(Burst(STEADY, BURST, play=done)).rate
        yield Point(OVER, "commands/s, same threads", done, rate)
        yield Point(OVER, "a worker's memory in MiB", done, usage(on.worker.pid).resident)
