"""Commands as large as the contract allows."""

from collections.abc import Iterator

from bench.contenders import SERVICE
from bench.load import Burst, pour
from bench.stage import hall
from bench.stress.finding import Finding
from bench.stress.vitals import Vitals
from bench.stress.witness import ALL, hear
from bench.workload import Intent, Workload, posts
from chat.domain.validate import MAX_CONTENT_BYTES, MAX_METADATA_BYTES

CONTENT = "ä" * (MAX_CONTENT_BYTES // 2)
METADATA = '{"note":"%s"}' % ("x" * (MAX_METADATA_BYTES - len('{"note":""}')))


def at_the_limit(workload: Workload, commands: int, play: int) -> Iterator[Intent]:
    """Messages with all the content and metadata that one may have."""
    for one in posts(workload, commands, play):
        one.fields.update(content=CONTENT, metadata=METADATA)
        yield one


LARGE = Workload("large", 43, threads=200, commands=at_the_limit)
WIRE = MAX_CONTENT_BYTES + MAX_METADATA_BYTES
"""Bytes that a command has at least."""


def large(commands: int) -> Iterator[Finding]:
    """As fast as they go, until the last is done. Raises `MeasurementError`."""
    with hall([LARGE]) as where:
        settings = where.house.enter(SERVICE.furnish)
        with where.bench.watched(SERVICE, settings) as worker, Vitals(settings, worker.pid) as vitals:
            where.bench.measure(settings, SERVICE, worker, Burst(LARGE, LARGE.threads, touch=True))
            listening = where.bench.eye.submit(hear, commands)
            took = where.bench.load.submit(pour, settings, LARGE, commands, None).result()
            heard = listening.result()
            yield Finding("commands", commands)
            yield Finding("commands a second that were sent", commands / took)
            yield Finding("commands a second", heard.ages[ALL].rate)
            yield Finding("MB a second of content and metadata", heard.ages[ALL].rate * WIRE / 1e6)
            yield from vitals.findings()
