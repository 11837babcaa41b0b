"""Who runs: a program that takes commands, and the process in which it does."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from bench.house import Furnish, tables
from bench.load import Burst, send
from chat.kafka import librdkafka
from chat.servers.process import ServerProcess, tail
from chat.settings import Settings

READY_SECONDS = 60.0
GRACE_SECONDS = 10.0
PAUSE = 0.1


class Door(NamedTuple):
    """How commands come in: `ready` tells whether they would be taken now, `send` sends a burst from its own process.

    `answers`: a refusal is the answer to a command, and not on `chat.rejections`.
    """

    ready: Callable[[Settings], bool]
    send: Callable[[Settings, Burst], None]
    answers: bool = False


def shares(settings: Settings) -> list[int]:
    """How many partitions each member of the group owns, of all topics; none before they are all settled."""
    admin = AdminClient(librdkafka(settings))
    group = settings.consumer_group
    try:
        found = admin.describe_consumer_groups([group])[group].result()
    except KafkaException:
        return []  # the group's coordinator is still being found
    settled = found.state is ConsumerGroupState.STABLE
    return [len(member.assignment.topic_partitions) for member in found.members] if settled else []


def owns_partitions(settings: Settings) -> bool:
    """Whether the group's members own every partition."""
    return sum(shares(settings)) >= settings.topic_partitions


KAFKA = Door(owns_partitions, send)


class Contender(NamedTuple):
    """A program of ours that takes commands; it gets a `share`-th of them, so that slow ones end in time too.

    `checks`: it refuses what is bad. `latency`: it is fast enough for that to be measured.
    """

    name: str
    module: str
    share: int = 1
    checks: bool = False
    latency: bool = False
    furnish: Furnish = tables
    door: Door = KAFKA

    def events(self, burst: Burst) -> int:
        """How many events a burst leads to."""
        return burst.commands - (burst.refusals if self.checks else 0)

    def rejections(self, burst: Burst) -> int:
        """How many records on `chat.rejections`."""
        return burst.refusals if self.checks and not self.door.answers else 0


class ContenderError(RuntimeError):
    """A program ended by itself or was never ready; the text is the end of its log."""


@contextmanager
def running(contender: Contender, settings: Settings, logs: Path) -> Iterator[ServerProcess]:
    """Its process, ready for commands. Raises `ContenderError`."""
    with program(contender.module, lambda: contender.door.ready(settings), logs) as process:
        yield process


@contextmanager
def program(module: str, ready: Callable[[], bool], logs: Path, *arguments: str) -> Iterator[ServerProcess]:
    """A process that runs a module and is `ready`. Raises `ContenderError`."""
    process = start(module, logs / f"{module}.log", *arguments)
    try:
        wait(process, ready)
        yield process
    finally:
        process.stop(GRACE_SECONDS)


def start(module: str, log: Path, *arguments: str) -> ServerProcess:
    """A process that runs a module."""
    return ServerProcess(module, [sys.executable, "-m", module, *arguments], log)


def require_alive(process: ServerProcess) -> None:
    """Raises `ContenderError`."""
    if not process.alive:
        raise ContenderError("\n".join(tail(process.log)))


def wait(process: ServerProcess, ready: Callable[[], bool]) -> None:
    """Returns when it is `ready`. Raises `ContenderError` where it ends, or never is."""
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        require_alive(process)
        if time.monotonic() > deadline:
            raise ContenderError("\n".join(tail(process.log)))
        time.sleep(PAUSE)
