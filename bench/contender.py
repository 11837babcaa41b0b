"""Who runs, and the process in which it does."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from chat.kafka import librdkafka
from chat.servers.process import ServerProcess, tail
from chat.settings import Settings

READY_SECONDS = 60.0
GRACE_SECONDS = 10.0
PAUSE = 0.1


class Contender(NamedTuple):
    """A program that takes commands; it gets a `share`-th of them, so that slow ones end in time too."""

    name: str
    module: str
    share: int = 1


SERVICE = Contender("service", "bench.service")
PLAIN_FAUST = Contender("plain Faust", "bench.plain_faust", share=15)
BARE_LOOP = Contender("bare loop", "bench.bare_loop")
CONTENDERS = (SERVICE, PLAIN_FAUST, BARE_LOOP)


class ContenderError(RuntimeError):
    """A contender ended by itself or never joined; the text is the end of its log."""


@contextmanager
def running(contender: Contender, settings: Settings, logs: Path) -> Iterator[ServerProcess]:
    """Its process, a member of its group that owns every partition."""
    log = logs / f"{contender.module}.log"
    process = ServerProcess(contender.name, [sys.executable, "-m", contender.module], log)
    try:
        _wait_joined(process, settings)
        yield process
    finally:
        process.stop(GRACE_SECONDS)


def require_alive(process: ServerProcess) -> None:
    """Raises `ContenderError`."""
    if not process.alive:
        raise ContenderError("\n".join(tail(process.log)))


def _wait_joined(process: ServerProcess, settings: Settings) -> None:
    admin = AdminClient(librdkafka(settings))
    deadline = time.monotonic() + READY_SECONDS
    while _partitions(admin, settings.consumer_group) < settings.topic_partitions:
        require_alive(process)
        if time.monotonic() > deadline:
            raise ContenderError("\n".join(tail(process.log)))
        time.sleep(PAUSE)


def _partitions(admin: AdminClient, group: str) -> int:
    """How many partitions the group's members own; none as long as nobody can say."""
    try:
        found = admin.describe_consumer_groups([group])[group].result()
    except KafkaException:
        return 0  # the group's coordinator is still being found
    if found.state is not ConsumerGroupState.STABLE:
        return 0
    return sum(len(member.assignment.topic_partitions) for member in found.members)
