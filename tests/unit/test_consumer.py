"""What becomes of records that were fetched before a rebalance."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from structlog.testing import capture_logs

from chat.errors import TopicMadeAnew
from streams.acknowledge import Outstanding
from streams.chunk import Chunk
from streams.consumer import ChunkConsumer
from streams.waiting import Waiting

ONE = TP("chat.commands", 1)


class Consumer(ChunkConsumer):
    """Owns one partition, and is given and loses it again while it fetches."""

    def __init__(self) -> None:
        self.app = SimpleNamespace(consumer_generation_id=13)
        self.outstanding = Outstanding()
        self.flow_active = True
        self.rebalances = False
        self.delivered: list[int] = []
        self.sought: list[tuple[TP, int]] = []
        self._thread: Any = SimpleNamespace(seek=lambda tp, offset: self.sought.append((tp, offset)))
        self._next = {ONE: 5}
        self._rebalances = 0
        self._seek_due = False
        self.callback = self._take

    def assignment(self) -> set[TP]:
        return {ONE}

    def _get_active_partitions(self) -> set[TP]:
        return {ONE}

    def _message(self, chunk: Any) -> Any:
        return chunk

    async def _take(self, chunk: Any) -> None:
        self.delivered += [record.offset for record in chunk.records]

    async def _getmany(self, _active: set[TP], _timeout: float) -> dict[TP, list[Any]]:
        if self.rebalances:
            self._next.clear()
            self._rebalances += 1
        return {ONE: [SimpleNamespace(offset=one, key=b"", value=b"", headers=()) for one in (5, 6)]}


async def test_what_was_fetched_is_delivered_once() -> None:
    consumer = Consumer()
    await consumer._drain_once()
    await consumer._drain_once()
    assert consumer.delivered == [5, 6]


async def test_what_was_fetched_before_a_rebalance_is_nobodys() -> None:
    """Also where the coordinator was killed and gives the group the number that its generation had before."""
    consumer = Consumer()
    consumer.rebalances = True
    await consumer._drain_once()
    assert (consumer.delivered, consumer.sought) == ([], [])
    assert consumer.app.consumer_generation_id == 13


async def test_another_topic_is_not_begun() -> None:
    """Its group has no offsets any more, so it would be read from 0, until somebody looks whether it is the same."""
    consumer = Consumer()
    consumer._next.clear()

    async def bounds(tps: Any) -> dict[TP, tuple[None, int, int]]:
        return dict.fromkeys(tps, (None, 0, 800))

    async def another() -> None:
        raise TopicMadeAnew("another one")

    consumer._thread.bounds = bounds
    consumer.app.waiting, consumer.app.same_topics = Waiting(), another
    with pytest.raises(TopicMadeAnew):
        await consumer._begin()
    assert (consumer._next, consumer.sought) == ({}, [])


async def test_reading_begins_anew_with_an_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Faust lets anything flow."""
    consumer, due = Consumer(), []

    async def assigned(*_: Any) -> None:
        due.append(consumer._seek_due)

    monkeypatch.setattr(ChunkConsumer.__base__, "on_partitions_assigned", assigned)
    consumer.app.lanes = SimpleNamespace(begin=lambda: None)
    await consumer.on_partitions_assigned({ONE}, 13)
    assert due == [True]


@pytest.mark.parametrize("said", [[], ["left_under_way"]])
async def test_what_a_rebalance_does_not_wait_for_is_said(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.consumer.QUIESCE", 0.01)
    consumer, part = Consumer(), Chunk(ONE, [], 6)
    consumer._idle = asyncio.Event()
    consumer.outstanding.begin(part)
    if not said:
        asyncio.get_running_loop().call_soon(consumer._idle.set)
    with capture_logs() as lines:
        await consumer.quiesce()
    assert [line["event"] for line in lines] == said
