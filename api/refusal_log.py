"""What was refused, as it lies in `chat.rejections`: a window of records of one partition, by a consumer of its own.

A consumer is made for a request and let go with it: nothing is held for a view that few people open. A request costs a
bounded number of records, threads and seconds, whether Kafka answers or not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chat.broker import typed
from chat.domain.partition import partition_of
from chat.errors import BrokerUnavailable, TopicMismatch, Transient
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.topic_specs import Topic

WINDOW = 2_000
"""Records that a request looks at: about a megabyte at most."""

AT_ONCE = 2
"""Requests that are read for at the same time; others wait, and the wait counts."""

PATIENCE_SECONDS = 5.0
CONSUMER = {
    "group.id": "aivo-chat-refusals",  # the client wants one; nothing is ever committed
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 4_096,
}


class Logged(NamedTuple):
    """A record of the log; `timestamp` is its command's time in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Window(NamedTuple):
    """Records in the log's order, from `first` on; the partition itself begins with the offset `kept_from`."""

    records: list[Logged]
    first: int
    kept_from: int


ReadWindow = Callable[[bytes, int | None], Awaitable[Window]]
"""The window of a learner's partition, by the learner's record key, that ends before an offset; None: the newest one.

Raises `BrokerUnavailable`, `BrokerRefused` or `TopicMismatch`.
"""


async def nothing_refused(_key: bytes, _before: int | None) -> Window:
    """Of a service without a log."""
    return Window([], 0, 0)


class RefusalLog:
    """Reads windows, a few at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(AT_ONCE, "refusals")

    async def window(self, key: bytes, before: int | None) -> Window:
        """A `ReadWindow`."""
        until = time.monotonic() + PATIENCE_SECONDS
        reading = asyncio.get_running_loop().run_in_executor(self._threads, self._read, key, before, until)
        try:
            return await asyncio.wait_for(reading, PATIENCE_SECONDS)
        except TimeoutError as error:
            raise BrokerUnavailable("Kafka did not give refusals in time") from error

    def close(self) -> None:
        """Returns once no thread reads any more: after `PATIENCE_SECONDS` and a moment at the latest."""
        self._threads.shutdown(cancel_futures=True)

    def _read(self, key: bytes, before: int | None, until: float) -> Window:
        consumer = Consumer(librdkafka(self._settings) | CONSUMER)
        try:
            return _window(consumer, key, before, until)
        except KafkaException as error:
            raise typed(error.args[0]) from error
        finally:
            consumer.close()


def _window(consumer: Consumer, key: bytes, before: int | None, until: float) -> Window:
    place = TopicPartition(Topic.REJECTIONS, partition_of(key, _count(consumer, until)))
    kept_from, end = consumer.get_watermark_offsets(place, timeout=_left(until), cached=False)
    end = end if before is None else min(before, end)
    first = max(kept_from, end - WINDOW)
    if first >= end:
        return Window([], first, kept_from)
    consumer.assign([TopicPartition(place.topic, place.partition, first)])
    return Window(_records(consumer, end, until), first, kept_from)


def _count(consumer: Consumer, until: float) -> int:
    """How many partitions the topic has."""
    found = consumer.list_topics(str(Topic.REJECTIONS), timeout=_left(until)).topics[Topic.REJECTIONS]
    if found.error is not None or not found.partitions:
        raise TopicMismatch(f"{Topic.REJECTIONS} is missing: run `chat topics apply`")
    return len(found.partitions)


def _records(consumer: Consumer, end: int, until: float) -> list[Logged]:
    """What is there before the offset `end`."""
    found: list[Logged] = []
    while True:
        first = consumer.poll(_left(until))
        for one in [] if first is None else [first, *consumer.consume(WINDOW, 0)]:
            if _is_end(one) or one.offset() >= end:
                return found
            if one.error() is None:
                found.append(_logged(one))
        if found and found[-1].offset + 1 >= end:
            return found


def _is_end(message: Message) -> bool:
    """Whether there is nothing behind it; what passes is waited for, and what does not is raised."""
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        return error is not None
    if not isinstance(fault := typed(error), Transient):
        raise fault
    return False


def _left(until: float) -> float:
    """Seconds. Raises `BrokerUnavailable` where there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise BrokerUnavailable("Kafka did not give refusals in time")
    return left


def _logged(one: Message) -> Logged:
    return Logged(one.offset(), one.timestamp()[1], one.key(), one.value(), tuple(one.headers() or ()))
