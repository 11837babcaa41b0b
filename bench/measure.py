"""What is measured: commands a second, the time from a command to its event, CPU and memory."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from chat.broker import Place, broker
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.topic_specs import Topic

PATIENCE = 60.0
"""Seconds without an event after which a contender counts as stuck."""

ATTENTION = 1.0
"""Seconds in which a consumer has found its partitions' broker."""

_attending: list[Consumer] = []
WATCHED = (Topic.EVENTS, Topic.REJECTIONS, Topic.DEAD_LETTER)
_TICKS = os.sysconf("SC_CLK_TCK")


class MeasurementError(RuntimeError):
    """A command was refused, or events did not come: the run says nothing."""


class Seen(NamedTuple):
    """`rate` in commands a second, from the first command's append to the last event's arrival; times in ms."""

    rate: float
    p50: float
    p99: float


def ends(settings: Settings) -> dict[Place, int]:
    """Where the watched topics end now."""
    every = [Place(topic, number) for topic in WATCHED for number in range(settings.topic_partitions)]
    return broker(settings).ends(every)


def attend(settings: Settings, starts: dict[Place, int]) -> None:
    """Begins to fetch, for `observe` in the same process: else the first events would wait for the consumer."""
    consumer = Consumer(librdkafka(settings) | {"group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(str(topic), number, at) for (topic, number), at in starts.items()])
    consumer.poll(ATTENTION)
    _attending.append(consumer)


def observe(commands: int) -> Seen:
    """Reads events as any client would, until there is one for each command. For a process of its own.

    An event's Kafka timestamp is its command's append time, so its age on arrival is the time from produce to event.
    Raises `MeasurementError`.
    """
    consumer = _attending.pop()
    try:
        return _seen([_next(consumer) for _ in range(commands)])
    finally:
        consumer.close()


def _next(consumer: Consumer) -> tuple[float, float]:
    """When the next event's command was appended and when the event arrived, in seconds."""
    message = consumer.poll(PATIENCE)
    arrived = time.time()
    if message is None:
        raise MeasurementError(f"no event for {PATIENCE:g} s")
    _require_event(message)
    return message.timestamp()[1] / 1000, arrived


def _require_event(message: Message) -> None:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    if message.topic() != Topic.EVENTS:
        raise MeasurementError(f"a command ended on {message.topic()}: {message.value()!r}")


def _seen(times: Sequence[tuple[float, float]]) -> Seen:
    ages = sorted((arrived - appended) * 1000 for appended, arrived in times)
    first, last = min(appended for appended, _ in times), times[-1][1]
    return Seen(len(times) / (last - first), _quantile(ages, 0.50), _quantile(ages, 0.99))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, of user and kernel (proc(5), fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mib(pid: int) -> float:
    """The most memory that a process has held (proc(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kib) / 1024
