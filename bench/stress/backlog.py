"""Commands that wait while nobody works, and a worker that comes to them."""

from collections.abc import Iterator

from bench.contender import running
from bench.contenders import SERVICE
from bench.load import Burst
from bench.stage import hall
from bench.stress.finding import Finding
from bench.stress.vitals import Vitals
from bench.stress.witness import ALL, hear
from bench.workload import Workload

KNOWN = Workload("backlog", 40, threads=5_000)
PIECE = 50_000
"""Commands that are encoded before they are sent: ten to each thread."""


def backlog(commands: int) -> Iterator[Finding]:
    """From the worker's readiness until nothing waits. Raises `MeasurementError`."""
    with hall([KNOWN]) as where:
        settings = where.house.enter(SERVICE.furnish)
        where.bench.attend(settings)
        for play in range(commands // PIECE):
            where.bench.send(settings, Burst(KNOWN, PIECE, play)).result()
        listening = where.bench.eye.submit(hear, commands // PIECE * PIECE)
        with running(SERVICE, settings, where.logs) as worker, Vitals(settings, worker.pid) as vitals:
            heard = listening.result()
            yield Finding("commands that waited", commands // PIECE * PIECE)
            yield Finding("seconds from the first event to the last", heard.seconds)
            yield Finding("commands a second", heard.ages[ALL].rate)
            yield from vitals.findings()
