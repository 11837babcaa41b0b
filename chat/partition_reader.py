"""Reads one partition of a topic from an offset to where it ended when one began, outside of any group."""

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chat.broker import Place, typed
from chat.errors import BrokerUnavailable, Transient
from chat.kafka import headers_of, librdkafka
from chat.settings import Settings

BATCH = 1_000
SECONDS = 10.0
_CONFIG = {"group.id": "aivo-chat-reader", "enable.auto.commit": False, "enable.partition.eof": True}


class Kept(NamedTuple):
    """A record as it lies in the log; `value` is None for a Kafka tombstone."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def end_of(settings: Settings, place: Place) -> int:
    """The offset that the next record will have. Blocks; raises `BrokerUnavailable` or `BrokerRefused`."""
    consumer = Consumer(librdkafka(settings) | _CONFIG)
    try:
        return _end(consumer, place)
    finally:
        consumer.close()


def last(settings: Settings, place: Place) -> Kept | None:
    """The newest record; None where there is none any more. Blocks; raises as `end_of` does."""
    newest = end_of(settings, place) - 1
    found = [one for batch in read(settings, place, newest) for one in batch] if newest >= 0 else []
    return found[-1] if found else None


def read(settings: Settings, place: Place, first: int = 0) -> Iterator[list[Kept]]:
    """Batch by batch, what a partition holds from `first` on. Blocks; raises as `end_of` does.

    What is written meanwhile is left out: the end of a partition that is always written to is never come to. A broker
    that goes away meanwhile is waited for.
    """
    consumer = Consumer(librdkafka(settings) | _CONFIG | {"auto.offset.reset": "earliest"})
    try:
        end = _end(consumer, place)
        consumer.assign([TopicPartition(*place, first)])
        if first < end:
            yield from records_before(consumer, end)
    finally:
        consumer.close()


def records_before(consumer: Consumer, end: int, until: float = math.inf) -> Iterator[list[Kept]]:
    """Batch by batch, the records before the offset `end` of the one partition that a consumer is assigned.

    The consumer must tell of a partition's end (`enable.partition.eof`), for the last record may be one that nobody is
    given. Blocks; raises `BrokerRefused`, and `BrokerUnavailable` once it is `until` (monotonic seconds).
    """
    ended = False
    while not ended:
        batch, ended = _sorted(_next(consumer, until), end)
        yield batch


def left(until: float) -> float:
    """Seconds until then (monotonic), a bound for one wait. Raises `BrokerUnavailable` where there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise BrokerUnavailable("Kafka did not give records in time")
    return min(seconds, SECONDS)


def _end(consumer: Consumer, place: Place) -> int:
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(*place), timeout=SECONDS)
    except KafkaException as error:
        raise typed(error.args[0]) from error
    return int(end)


def _sorted(messages: list[Message], end: int) -> tuple[list[Kept], bool]:
    """The records before `end`, and whether there are no more."""
    batch, ended = [], False
    for message in messages:
        error = message.error()
        if error is None:
            ended |= message.offset() + 1 >= end
            if message.offset() < end:
                batch.append(_kept(message))
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            ended = True
        elif not isinstance(fault := typed(error), Transient):
            raise fault
    return batch, ended


def _next(consumer: Consumer, until: float) -> list[Message]:
    """What is there, once something is: `consume` alone would wait for a whole batch."""
    first = consumer.poll(left(until))
    return [] if first is None else [first, *consumer.consume(BATCH, 0)]


def _kept(one: Message) -> Kept:
    return Kept(one.offset(), one.timestamp()[1], one.key(), one.value(), headers_of(one))
