"""What is measured: commands a second, the time from a command to its event, CPU and memory."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bench.load import SENT
from chat.broker import Place, broker
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.topic_specs import Topic

PATIENCE = 30.0
"""Seconds without an event after which a contender counts as stuck."""

ATTENTION = 1.0
"""Seconds in which a consumer has found its partitions' broker."""

_attending: list[Consumer] = []
WATCHED = (Topic.EVENTS, Topic.REJECTIONS, Topic.DEAD_LETTER)
_TICKS = os.sysconf("SC_CLK_TCK")


class MeasurementError(RuntimeError):
    """A command was refused that should not be, or applied that should not be, or events did not come."""


class Seen(NamedTuple):
    """`rate` a second, from the first one's sending to the last one's arrival; times in ms."""

    rate: float
    p50: float
    p99: float
    p999: float


def ends(settings: Settings) -> dict[Place, int]:
    """Where the watched topics end now."""
    every = [Place(topic, number) for topic in WATCHED for number in range(settings.topic_partitions)]
    return broker(settings).ends(every)


def attend(settings: Settings, starts: dict[Place, int]) -> None:
    """Begins to fetch, for `observe` in the same process: else the first events would wait for the consumer."""
    while _attending:
        _attending.pop().close()
    consumer = Consumer(librdkafka(settings) | {"group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(str(topic), number, at) for (topic, number), at in starts.items()])
    consumer.poll(ATTENTION)
    _attending.append(consumer)


def observe(events: int, rejections: int) -> Seen:
    """Reads as any client would, until so many events and rejections are there. For a process of its own.

    An outcome's Kafka timestamp is its command's append time, from which its age is counted, unless it has the header
    that says when the command was sent. Raises `MeasurementError`.
    """
    outcomes = [_next() for _ in range(events + rejections)]
    if (refused := sum(topic == Topic.REJECTIONS for topic, _, _ in outcomes)) != rejections:
        raise MeasurementError(f"{refused} commands were refused, {rejections} should have been")
    return seen([(sent, arrived) for _, sent, arrived in outcomes])


def arrivals(events: int) -> list[tuple[float, float]]:
    """When each of so many different events' commands was sent, and when it was there first; for the same process.

    An event's key tells it from others: a worker that takes over may say again what was said. Raises
    `MeasurementError`.
    """
    found: dict[bytes, tuple[float, float]] = {}
    while len(found) < events:
        message, arrived = awaited()
        if message.topic() != Topic.EVENTS:
            raise MeasurementError("a command was refused that should not be")
        found.setdefault(message.key() or b"", (sent_at(message), arrived))
    return list(found.values())


def _next() -> tuple[str, float, float]:
    """The next outcome's topic, when its command was sent and when it arrived, in seconds."""
    message, arrived = awaited()
    return str(message.topic()), sent_at(message), arrived


def awaited() -> tuple[Message, float]:
    """The next outcome that this process attends to, and when it arrived. Raises `MeasurementError`."""
    message = _attending[0].poll(PATIENCE)
    arrived = time.time()
    if message is None:
        raise MeasurementError(f"no event for {PATIENCE:g} s")
    _require_outcome(message)
    return message, arrived


def sent_at(message: Message) -> float:
    """When the command was sent of which this is the outcome; where it does not say so, when Kafka took it."""
    stamp = next((value for key, value in message.headers() or () if key == SENT), None)
    return message.timestamp()[1] / 1000 if stamp is None else int(stamp) / 1e6


def _require_outcome(message: Message) -> None:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    if message.topic() == Topic.DEAD_LETTER:
        raise MeasurementError(f"a command ended on {message.topic()}: {message.value()!r}")


def seen(times: Sequence[tuple[float, float]]) -> Seen:
    """From when each was sent and when it was answered, in seconds."""
    ages = sorted((arrived - sent) * 1000 for sent, arrived in times)
    first, last = min(sent for sent, _ in times), max(arrived for _, arrived in times)
    return Seen(len(times) / (last - first), *quantiles(ages))


def quantiles(ordered: Sequence[float]) -> Iterator[float]:
    """The median, 0.99 and 0.999."""
    return (_quantile(ordered, share) for share in (0.50, 0.99, 0.999))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Usage(NamedTuple):
    """What a process has used: CPU in seconds, memory now and at most in MiB."""

    cpu: float
    resident: float
    peak: float


def usage(pid: int) -> Usage:
    """User and kernel time (proc(5), fields 14 and 15 of `stat`), VmRSS and VmHWM."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    resident, peak = (int(memory[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, resident, peak)


def idle() -> float:
    """Seconds that the cores of this machine have idled, all together (proc(5), fields 4 and 5 of `cpu` in `stat`)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICKS
