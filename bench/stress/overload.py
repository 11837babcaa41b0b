"""More commands than a worker can do, for minutes, and what becomes of those that have to wait."""

from collections.abc import Iterator

from bench.contenders import SERVICE
from bench.load import pour
from bench.stage import hall
from bench.stress.finding import Finding
from bench.stress.pace import pace
from bench.stress.vitals import Vitals
from bench.stress.witness import ALL, hear
from bench.workload import Workload
from chat.broker import Place, broker
from chat.group_offsets import committed
from chat.settings import Settings
from chat.topic_specs import Topic

KNOWN = Workload("overload", 41, threads=5_000)


def overload(times: float, seconds: int) -> Iterator[Finding]:
    """So many times what a worker can do, for so long, and until nothing waits. Raises `MeasurementError`."""
    with hall([KNOWN]) as where:
        settings = where.house.enter(SERVICE.furnish)
        with where.bench.watched(SERVICE, settings) as worker:
            rate = pace(where, settings, worker, KNOWN)
            yield Finding("commands a second that it keeps up with", rate)
            commands = int(rate * times * seconds)
            with Vitals(settings, worker.pid) as vitals:
                listening = where.bench.eye.submit(hear, commands)
                took = where.bench.load.submit(pour, settings, KNOWN, commands, rate * times).result()
                yield Finding("commands a second that were sent", commands / took)
                yield Finding("for seconds", took)
                yield Finding("commands that waited then", waiting(settings))
                heard = listening.result()
                yield Finding("seconds until the last was done", heard.seconds)
                yield Finding("commands a second that were done", heard.ages[ALL].rate)
                yield from vitals.findings()


def waiting(settings: Settings) -> int:
    """Commands behind the committed offsets, as the broker knows it: a worker knows what it has begun."""
    ends = broker(settings).ends([Place(Topic.COMMANDS, one) for one in range(settings.topic_partitions)])
    return sum(ends.values()) - sum(committed(settings, list(ends)).values())
