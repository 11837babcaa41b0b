"""Batches of records to Kafka: one batch a partition, idempotent, awaited, and in order also over failures."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from opentelemetry.trace import SpanKind

from chat.errors import BrokerUnavailable
from chat.topic_specs import CAUSED_BYTES
from chat.tracing import span
from streams.waiting import Waiting

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_log = structlog.get_logger()


class Outgoing(NamedTuple):
    """One record to publish; `timestamp` in milliseconds. Where it is too large for Kafka, `cut` goes in its place."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]
    cut: "Outgoing | None" = None


class TooLarge(Exception):
    """Kafka takes no batch of that size, which holds so many records; it can be divided, or its only one be cut."""

    def __init__(self, records: int) -> None:
        super().__init__(records)
        self.records = records


class Producing(Protocol):
    """The process's producer (see `streams.transport.IdempotentProducer`)."""

    @property
    def current(self) -> AIOKafkaProducer:
        """A started producer that never gives a batch up."""
        ...

    async def replace(self, failed: AIOKafkaProducer) -> None:
        """Puts another in the place of one that the broker will not hear any more. Raises KafkaError."""
        ...


class Publisher:
    """Publishes, and waits while the broker is away.

    The producer sends a batch again for as long as it takes, with the same sequence numbers, so that the broker drops
    what it has already. Giving up and sending anew would not be safe: the first try may still arrive, behind records
    that came later.
    """

    def __init__(self, producing: Callable[[], Producing], waiting: Waiting) -> None:
        self._producing = producing
        self._waiting = waiting

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        """Returns when all in-sync replicas have every record, in order.

        What is too large for Kafka goes cut, and the log says so. Where nothing can be cut, it waits for an operator.
        """
        rest = list(records)
        about = {"messaging.system": "kafka", "messaging.batch.message_count": len(rest)}
        with span(f"send {topic}", about, kind=SpanKind.PRODUCER):
            most = len(rest)
            while rest:
                try:
                    send = partial(self._send, topic, partition, rest[:most])
                    del rest[: await self._waiting.until_served(send)]
                except TooLarge as refused:
                    if refused.records > 1:
                        most = 1
                    else:
                        _log.warning("record_cut", topic=str(topic), partition=partition)
                        rest[0] = rest[0].cut or rest[0]

    async def _send(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int:
        producing = self._producing()
        producer = producing.current
        try:
            batch = producer.create_batch()
            sent = _fill(batch, records)
            divisible = sent > 1 or records[0].cut is not None
            if divisible and batch.size() > CAUSED_BYTES:  # far beyond it a broker says nothing and hangs up
                raise TooLarge(sent)
            future = await producer.send_batch(batch, topic, partition=partition)
            await self._waiting.until_done(future, "kafka")
        except KafkaError as error:
            if not error.retriable:
                await _replace(producing, producer)
            if divisible and isinstance(error, _TOO_LARGE):
                raise TooLarge(sent) from error
            raise BrokerUnavailable(type(error).__name__) from error
        return sent


async def _replace(producing: Producing, failed: AIOKafkaProducer) -> None:
    try:
        await producing.replace(failed)
    except KafkaError as error:
        raise BrokerUnavailable(type(error).__name__) from error


def _fill(batch: Any, records: Sequence[Outgoing]) -> int:
    """How many of the first records went into the batch; a single one always does."""
    for count, one in enumerate(records):
        if batch.append(key=one.key, value=one.value, timestamp=one.timestamp, headers=list(one.headers)) is None:
            return count
    batch.close()
    return len(records)
