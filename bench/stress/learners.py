"""More learners than a worker can remember, each of whom writes."""

from collections.abc import Iterator

from bench.contenders import SERVICE
from bench.load import pour
from bench.stage import hall
from bench.stress.finding import Finding
from bench.stress.vitals import Vitals
from bench.stress.witness import ALL, hear
from bench.workload import Workload


def learners(number: int) -> Iterator[Finding]:
    """The first message to each one's thread, as fast as they go. Raises `MeasurementError`."""
    many = Workload("learners", 44, threads=number)
    with hall([many]) as where:
        settings = where.house.enter(SERVICE.furnish)
        with where.bench.watched(SERVICE, settings) as worker, Vitals(settings, worker.pid) as vitals:
            listening = where.bench.eye.submit(hear, number)
            took = where.bench.load.submit(pour, settings, many, number, None).result()
            heard = listening.result()
            yield Finding("learners", number)
            yield Finding("commands a second that were sent", number / took)
            yield Finding("commands a second, each a first touch", heard.ages[ALL].rate)
            yield from vitals.findings()
