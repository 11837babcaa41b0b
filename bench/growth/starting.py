"""How long a worker takes to start, and others to take over from it or hand over to it: against lag and partitions."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack

from bench.contender import wait
from bench.contenders import SERVICE
from bench.group import member, settled
from bench.growth.curve import Budget, Point
from bench.load import Burst
from bench.stage import Hall, hall
from bench.workload import Workload
from chat.servers.process import ServerProcess
from chat.settings import Settings

LAG = "commands that wait at the start"
PARTITIONS = "partitions"
RATE = 100
SECONDS = 15
"""A stream of commands while the group changes, so many a second for so long."""

SETTLED = 2.0
"""Seconds of the stream before the group changes."""

KNOWN = Workload("starting", 35, threads=200)


def by_lag(budget: Budget, lags: Sequence[int]) -> Iterator[Point]:
    """Alone, and with a second worker that comes when the first one has its partitions."""
    with hall([KNOWN]) as where:
        where.house.enter(SERVICE.furnish)
        for lag in budget.sizes(LAG, lags):
            yield from _alone(where, lag)
            yield Point(LAG, "a second worker owns its share, after in s", lag, _joined(where, lag))


def by_partitions(budget: Budget, sizes: Sequence[int]) -> Iterator[Point]:
    """Servers anew for each number of partitions, which is fixed for life."""
    for size in sizes:
        if budget.left < 0:
            print(f"left out: {size} {PARTITIONS}", flush=True)
            return
        with hall([KNOWN], size) as where:
            settings = where.house.enter(SERVICE.furnish)
            yield from _changing(where, settings, size)


def _alone(where: Hall, lag: int) -> Iterator[Point]:
    """From the start of its process until it owns its partitions, has its first event out, and has caught up."""
    settings = where.house.enter(SERVICE.furnish)
    commands = max(lag, 1)
    where.bench.attend(settings)
    where.bench.send(settings, Burst(KNOWN, commands, play=lag)).result()
    began, watching = time.time(), where.bench.watch(commands)
    with member(SERVICE.module, 0, where.logs) as worker:
        wait(worker, lambda: settled(settings, 1))
        yield Point(LAG, "a worker owns its partitions, after in s", lag, time.time() - began)
        arrived = [at for _, at in watching.result()]
    yield Point(LAG, "its first event is there, after in s", lag, min(arrived) - began)
    yield Point(LAG, "it has caught up, after in s", lag, max(arrived) - began)


def _joined(where: Hall, lag: int) -> float:
    """From the second worker's start until it owns its share, in seconds; the first one has the lag to work off."""
    settings = where.house.enter(SERVICE.furnish)
    where.bench.send(settings, Burst(KNOWN, max(lag, 1), play=lag)).result()
    with member(SERVICE.module, 0, where.logs) as first:
        wait(first, lambda: settled(settings, 1))
        began = time.time()
        with member(SERVICE.module, 1, where.logs) as second:
            wait(second, lambda: settled(settings, 2))
            return time.time() - began


def _changing(where: Hall, settings: Settings, size: int) -> Iterator[Point]:
    """The longest that a command waits for its event while a worker comes, goes, and is killed."""
    with ExitStack() as stack:
        began = time.time()
        first = stack.enter_context(member(SERVICE.module, 0, where.logs))
        wait(first, lambda: settled(settings, 1))
        yield Point(PARTITIONS, "a worker owns its partitions, after in s", size, time.time() - began)
        where.bench.attend(settings)
        where.bench.send(settings, Burst(KNOWN, KNOWN.threads, touch=True)).result()
        where.bench.watch(KNOWN.threads).result()
        yield _point("nothing changes", size, _longest(where, settings, lambda: None))
        others: list[ServerProcess] = []

        def come() -> None:
            others.append(stack.enter_context(member(SERVICE.module, len(others) + 1, where.logs)))
            wait(others[-1], lambda: settled(settings, 2))

        yield _point("a worker comes", size, _longest(where, settings, come))
        yield _point("a worker goes", size, _longest(where, settings, lambda: others[0].stop(30.0)))
        wait(first, lambda: settled(settings, 1))
        come()
        yield _point("a worker is killed", size, _longest(where, settings, others[1].kill))


def _point(what: str, size: int, seconds: float) -> Point:
    return Point(PARTITIONS, f"{what}: longest wait for an event, in s", size, seconds)


def _longest(where: Hall, settings: Settings, change: Callable[[], None]) -> float:
    """In seconds, of a stream of commands during which something changes. Raises `MeasurementError`."""
    where.bench.attend(settings)
    events = RATE * SECONDS
    watching = where.bench.watch(events)
    sending: Future[None] = where.bench.send(settings, Burst(KNOWN, events, rate=RATE))
    time.sleep(SETTLED)
    change()
    sending.result()
    return max(arrived - sent for sent, arrived in watching.result())
