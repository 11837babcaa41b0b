"""The live end of `chat.events` on a real broker that is killed: it says so, and goes on without a gap."""

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest
from confluent_kafka import Producer

from api.live import tail
from api.live.events import Record
from chat.domain.model import Learner
from chat.domain.partition import learner_key, partition_of
from chat.servers.embedded import EmbeddedServers
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.wait import until_async

LEARNERS = [Learner("tenant-1", f"learner-{number}") for number in range(3)]
SECONDS = 60


class Ear:
    """Keeps what it hears of the learners that it listens to."""

    def __init__(self) -> None:
        self.listened: frozenset[Learner] = frozenset()
        self.heard: list[bytes] = []
        self.follows: list[set[Learner]] = []
        self.begins: list[set[Learner]] = []
        self.away: list[bool] = [False]

    async def somebody(self) -> None:
        await until_async(lambda: self.listened, SECONDS)

    def learners(self) -> frozenset[Learner]:
        return self.listened

    def followed(self, learners: Collection[Learner], begun: Collection[Learner]) -> None:
        if not self.follows or self.follows[-1] != learners:
            self.follows.append(set(learners))
        if begun:
            self.begins.append(set(begun))

    def hear(self, record: Record) -> None:
        self.heard.append(record.key)

    def waits(self, *, away: bool) -> None:
        if away != self.away[-1]:
            self.away.append(away)


@pytest.fixture
async def ear(house: Settings) -> AsyncIterator[Ear]:
    made = Ear()
    keeping = asyncio.create_task(tail.keep(house, made))
    yield made
    keeping.cancel()
    await asyncio.wait({keeping})
    assert keeping.cancelled()


def say(house: Settings, learner: Learner, number: int) -> bytes:
    """A record of a learner, acknowledged; its key."""
    base = learner_key(*learner).encode()
    key = base + b"/%d" % number
    producer = Producer({"bootstrap.servers": house.kafka_bootstrap_servers[0]})
    producer.produce(Topic.EVENTS, key=key, value=b"", partition=partition_of(base, house.topic_partitions))
    assert producer.flush(SECONDS) == 0
    return key


async def test_it_follows_who_is_listened_to(house: Settings, ear: Ear) -> None:
    """From the moment on at which it says so, and nothing that was before; who comes later is told too."""
    one, other, _ = LEARNERS
    say(house, one, 0)
    ear.listened = frozenset({one})
    await until_async(lambda: ear.follows == [{one}], SECONDS)
    said = [say(house, one, number) for number in (1, 2)]
    await until_async(lambda: ear.heard == said, SECONDS)
    ear.listened = frozenset({one, other})
    await until_async(lambda: ear.follows == [{one}, {one, other}], SECONDS)
    assert ear.begins == [{one}, {other}]
    said += [say(house, other, 3), say(house, one, 4)]
    await until_async(lambda: set(ear.heard) == set(said), SECONDS)
    assert len(ear.heard) == len(said)


async def test_a_broker_that_is_killed_is_waited_for(own_servers: EmbeddedServers, house: Settings, ear: Ear) -> None:
    """It is said once that it is away, and nothing is passed over when it is back: positions were kept."""
    one = LEARNERS[0]
    ear.listened = frozenset({one})
    await until_async(lambda: ear.follows, SECONDS)
    said = [say(house, one, 1)]
    await until_async(lambda: ear.heard == said, SECONDS)
    kafka = own_servers.kafka
    assert kafka is not None
    kafka.kill()
    await until_async(lambda: ear.away == [False, True], SECONDS, "the broker being missed")
    await asyncio.to_thread(kafka.start)
    said.append(await asyncio.to_thread(say, house, one, 2))
    await until_async(lambda: ear.heard == said, SECONDS, "what was said when it was back")
    assert ear.away == [False, True, False]
    assert len(ear.begins) == 1
