"""What becomes of records that Kafka does not take for their size."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from structlog.testing import capture_logs

from chat.topic_specs import CAUSED_BYTES
from streams.publish import Outgoing, Publisher
from streams.waiting import Waiting
from tests.wait import until_async


@dataclass
class Kafka:
    """A broker and the producer to it: takes batches of up to `limit` bytes."""

    limit: int = CAUSED_BYTES
    taken: list[bytes | None] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    replaced: int = 0

    @property
    def current(self) -> Any:
        return self

    async def replace(self, _failed: Any) -> None:
        self.replaced += 1

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(262_144, 0)

    async def send_batch(self, batch: BatchBuilder, _topic: str, *, partition: int) -> asyncio.Future[None]:
        assert partition == 1
        raw = bytes(batch._build())
        self.asked.append(len(raw))
        answer = asyncio.get_running_loop().create_future()
        if len(raw) > self.limit:
            answer.set_exception(MessageSizeTooLargeError())
        else:
            self.taken += [one.value for one in MemoryRecords(raw).next_batch()]
            answer.set_result(None)
        return answer


async def published(kafka: Kafka, records: Sequence[Outgoing]) -> list[bytes | None]:
    """What Kafka has in the end."""
    await Publisher(lambda: kafka, Waiting()).publish("topic", 1, records)
    return kafka.taken


def record(name: bytes, size: int = 0, cut: Outgoing | None = None) -> Outgoing:
    return Outgoing(b"key", name, 1, [("header", bytes(size))], cut)


async def test_what_no_broker_takes_is_cut_in_its_place() -> None:
    """It is not even sent, costs no producer, and those before and behind it go together as ever."""
    kafka = Kafka()
    huge = record(b"huge", CAUSED_BYTES, record(b"still huge", CAUSED_BYTES, record(b"cut")))
    with capture_logs() as log:
        assert await published(kafka, [record(b"1"), huge, record(b"2"), record(b"3")]) == [b"1", b"cut", b"2", b"3"]
    assert len(kafka.asked) == 2
    assert kafka.replaced == 0
    line = {"event": "record_cut", "log_level": "warning", "topic": "topic", "partition": 1}
    assert log == [line, line]


async def test_what_a_broker_refuses_is_cut_alone() -> None:
    """Of a batch that is refused each record is tried by itself, so that those it has room for go whole."""
    kafka = Kafka(limit=1_000)
    records = [record(b"1"), record(b"large", 2_000, record(b"cut")), record(b"2", 0, record(b"never")), record(b"3")]
    assert await published(kafka, records) == [b"1", b"cut", b"2", b"3"]
    assert kafka.replaced == 2


@pytest.mark.parametrize("size", [2_000, CAUSED_BYTES])
async def test_what_cannot_be_cut_is_never_left_out(size: int) -> None:
    """It waits until somebody lets the topic take it."""
    kafka = Kafka(limit=1_000)
    going = asyncio.create_task(published(kafka, [record(b"1", size), record(b"2")]))
    await until_async(lambda: len(kafka.asked) > 2)
    assert kafka.taken == []
    kafka.limit = 2 * CAUSED_BYTES
    assert await going == [b"1", b"2"]
