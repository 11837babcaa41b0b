"""One learner with half of all commands: what the others notice of it."""

from collections.abc import Iterator

from bench.contenders import SERVICE
from bench.load import pour
from bench.stage import hall
from bench.stress.finding import Finding
from bench.stress.pace import pace
from bench.stress.witness import Heard, hear
from bench.workload import Intent, Workload, post, posts


def half_of_it(workload: Workload, commands: int, play: int) -> Iterator[Intent]:
    """Every other command is the first learner's."""
    for turn, one in enumerate(posts(workload, commands, play)):
        yield post(workload.place(0)) if turn % 2 else one


EVEN = Workload("neighbour", 42, threads=5_000)
HALF = Workload("neighbour", 42, threads=5_000, commands=half_of_it)


def neighbour(share: float, seconds: int) -> Iterator[Finding]:
    """At a share of what a worker can do, for so long: all alike, twice (once to warm up), then one with half."""
    with hall([EVEN]) as where:
        settings = where.house.enter(SERVICE.furnish)
        with where.bench.watched(SERVICE, settings) as worker:
            rate = pace(where, settings, worker, EVEN) * share
            yield Finding("commands a second", rate)
            for workload, one in ((EVEN, ""), (EVEN, ""), (HALF, HALF.place(0).learner_id)):
                listening = where.bench.eye.submit(hear, int(rate * seconds), one)
                where.bench.load.submit(pour, settings, workload, int(rate * seconds), rate).result()
                yield from _ages(listening.result())


def _ages(heard: Heard) -> Iterator[Finding]:
    for kind, seen in sorted(heard.ages.items()):
        yield Finding(f"{kind}: p50 in ms", seen.p50)
        yield Finding(f"{kind}: p99 in ms", seen.p99)
