"""What was refused, as it lies in `chat.rejections`: a window of records of one partition, by a consumer of its own.

A consumer is made for a request and let go with it: nothing is held for a view that few people open. A request costs a
bounded number of records, threads and seconds, whether Kafka answers or not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chat.broker import typed
from chat.domain.partition import partition_of
from chat.errors import BrokerUnavailable, TopicMismatch
from chat.kafka import librdkafka
from chat.partition_reader import Kept, left, records_before
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


class Window(NamedTuple):
    """Records in the log's order, from `first` on; the partition itself begins with the offset `kept_from`."""

    records: list[Kept]
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
    kept_from, end = consumer.get_watermark_offsets(place, timeout=left(until), cached=False)
    end = end if before is None else min(before, end)
    first = max(kept_from, end - WINDOW)
    if first >= end:
        return Window([], first, kept_from)
    consumer.assign([TopicPartition(place.topic, place.partition, first)])
    return Window([one for batch in records_before(consumer, end, until) for one in batch], first, kept_from)


def _count(consumer: Consumer, until: float) -> int:
    """How many partitions the topic has."""
    found = consumer.list_topics(str(Topic.REJECTIONS), timeout=left(until)).topics[Topic.REJECTIONS]
    if found.error is not None or not found.partitions:
        raise TopicMismatch(f"{Topic.REJECTIONS} is missing: run `chat topics apply`")
    return len(found.partitions)
