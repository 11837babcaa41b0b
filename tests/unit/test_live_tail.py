"""Who is followed, and from where: the real follower with the real rooms, over a consumer in memory."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from confluent_kafka import TopicPartition

from api.live import tail
from api.live.rooms import Rooms
from chat.domain.model import Learner
from chat.domain.partition import learner_key, partition_of
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import key_of, shown_thread
from tests.live import Client, for_ever
from tests.records import PARTITIONS, settings_for_tests
from tests.wait import until_async


class Broker:
    """The ends of the partitions, and the consumer's positions, as confluent's `Consumer` has them."""

    def __init__(self) -> None:
        self.ends: defaultdict[int, int] = defaultdict(int)
        self.positions: dict[int, int] = {}
        self.begins: list[tuple[int, int]] = []

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        assert timeout > 0
        found = SimpleNamespace(error=None, partitions=dict.fromkeys(range(PARTITIONS)))
        return SimpleNamespace(topics={topic: found})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float, *, cached: bool) -> tuple[int, int]:
        assert timeout > 0
        assert not cached
        return 0, self.ends[place.partition]

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        for one in places:
            self.positions[one.partition] = one.offset
            self.begins.append((one.partition, one.offset))

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for one in places:
            del self.positions[one.partition]

    def poll(self, timeout: float) -> None:
        assert timeout > 0

    def close(self) -> None:
        self.positions.clear()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(tail, "Consumer", lambda _config: made)
    return made


@pytest.fixture
async def rooms(broker: Broker) -> AsyncIterator[Rooms]:
    """With the tail at work; two threads of one learner are there."""
    assert not broker.begins
    history = MemoryHistory()
    for number in (1, 2):
        await history.put_thread(key_of(number), shown_thread(number))
    made = Rooms(history, 10, 3600.0)
    keeping = asyncio.create_task(tail.keep(settings_for_tests(kafka_bootstrap_servers="kafka:9092"), made))
    yield made
    keeping.cancel()
    await asyncio.wait({keeping})


def place(learner: Learner) -> int:
    return partition_of(learner_key(*learner).encode(), PARTITIONS)


async def listen(rooms: Rooms, number: int) -> Client:
    """A client that is told first whether anything is away."""
    client = Client(await rooms.listen(key_of(number), None, for_ever)).start()
    await client.until(lambda one: one.named("resync"))
    return client


async def test_a_second_thread_of_a_learner_is_followed_too(rooms: Rooms) -> None:
    """At once, and nobody is told that Kafka is away, nor to read again."""
    clients = [await listen(rooms, 1), await listen(rooms, 2)]
    assert [one.named("waiting") for one in clients] == [[], []]
    assert [len(one.named("resync")) for one in clients] == [1, 1]


async def test_who_comes_back_is_followed_again(rooms: Rooms, broker: Broker) -> None:
    """From the end on: what was said while nobody listened is read by nobody."""
    partition = place(key_of(1).learner.learner)
    await (await listen(rooms, 1)).stop()
    await until_async(lambda: not broker.positions, 5, "the end of what nobody wants to hear")
    broker.ends[partition] = 1_000
    back = await listen(rooms, 1)
    assert not back.named("waiting")
    assert broker.begins == [(partition, 0), (partition, 1_000)]


async def test_who_comes_back_at_once_is_followed_too(rooms: Rooms) -> None:
    for _ in range(3):
        client = await listen(rooms, 1)
        assert not client.named("waiting")
        await client.stop()
