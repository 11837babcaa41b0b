"""What a consumer of events gives again, and to whom it leaves time, over records in memory."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from chat.sdk import feed
from chat.sdk.async_consumer import AsyncEventConsumer
from chat.sdk.consumer import EventConsumer
from tests.records import settings_for_tests

SETTINGS = settings_for_tests(kafka_bootstrap_servers="kafka:9092")


class Kafka:
    """A consumer that has records of the offsets 0, 1, 2 …, of nobody, and blocks for none where it is told to."""

    def __init__(self, records: int) -> None:
        self._left = deque(range(records))
        self.stored: list[int] = []
        self.blocks: threading.Event | None = None

    def subscribe(self, _topics: list[str]) -> None: ...

    def close(self) -> None: ...

    def poll(self, seconds: float) -> Any:
        if seconds and self.blocks is not None:
            assert self.blocks.wait(10)
        elif self.blocks is not None or not self._left:
            return None
        offset = self._left.popleft()
        said: dict[str, Any] = {"topic": "chat.events", "partition": 0, "offset": offset, "error": None}
        said |= {"key": b"t/l/%d" % offset, "value": None, "headers": []}
        return SimpleNamespace(**{name: _giving(value) for name, value in said.items()})

    def store_offsets(self, offsets: list[TopicPartition]) -> None:
        self.stored += [one.offset for one in offsets]


def _giving(value: object) -> Callable[[], object]:
    return lambda: value


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    made = Kafka(3)
    monkeypatch.setattr(feed, "Consumer", lambda _config: made)
    return made


def test_what_failed_comes_again_in_the_same_consumer(kafka: Kafka) -> None:
    """Its offset is stored by whoever handles it, and no later one before."""
    events = EventConsumer("g", SETTINGS)
    quotients = (1 / (1 - change.position.offset) for change in events.changes())
    with pytest.raises(ZeroDivisionError):
        list(quotients)
    assert kafka.stored == [1]
    assert [change.position.offset for change in events.changes(idle_seconds=0.5)] == [1, 2]
    assert kafka.stored == [1, 2, 3]


async def test_what_came_while_nobody_waited_any_more_comes_again(kafka: Kafka) -> None:
    """A caller that gave up leaves a thread behind, which may still get a record."""
    kafka.blocks = threading.Event()
    events = AsyncEventConsumer("g", SETTINGS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(events.changes())
    kafka.blocks.set()
    kafka.blocks = None
    found = [change.position.offset async for change in events.changes(idle_seconds=1.0)]
    assert found == [0, 1, 2]
    assert kafka.stored == [1, 2, 3]


async def test_a_backlog_leaves_time_for_others(kafka: Kafka) -> None:
    """Every record is a turn of the event loop at least."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(turn())
    found = [turns async for _ in AsyncEventConsumer("g", SETTINGS).changes(idle_seconds=0.5)]
    others.cancel()
    assert len(kafka.stored) == 3
    assert found == sorted(set(found))
