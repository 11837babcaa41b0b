"""A worker that slept while it spoke, and whose successor went on without it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from chat.storage.memory import MemoryStore
from streams.lease import Lease
from streams.publish import Outgoing
from tests.records import Log, Sent, token, uid
from tests.way import MemoryPublisher, World


@dataclass
class Machine:
    """Whose clock goes on while it sleeps; the group gives its worker up then."""

    now: float = 0.0
    awake: bool = True

    async def heartbeat(self) -> bool:
        return self.awake

    def lease(self) -> Lease:
        return Lease(self.heartbeat, lambda: self.now)


@dataclass
class Sleepy(MemoryPublisher):
    """Falls asleep with the events of `at` in its hands, and meanwhile a successor handles the whole log."""

    machine: Machine
    store: MemoryStore
    log: Sequence[Sent]
    at: int
    topics: dict[tuple[str, int], list[Outgoing]] = field(default_factory=dict)

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        speaks = topic == "chat.events" and any(one.timestamp == self.at and one.value for one in records)
        if speaks and self.machine.awake:
            self.machine.now, self.machine.awake = 60.0, False
            successor = MemoryPublisher()
            successor.topics = self.topics
            await World(store=self.store, publisher=successor).go(self.log)
        await super().publish(topic, partition, records)


def _log() -> Log:
    log, bearer = Log(), token(role="admin", user="admin-1")
    thread, message = {"thread_id": uid(1, 1)}, {"message_id": uid(2, 1)}
    log.send("CreateThread", bearer=bearer, command_id=uid(3, 1), **thread, title="a")
    log.send("PostMessage", bearer=bearer, command_id=uid(3, 2), **thread, **message, content="a secret")
    log.send("EditMessage", bearer=bearer, command_id=uid(3, 3), **thread, **message, content="another secret")
    log.send("MarkRead", bearer=bearer, command_id=uid(3, 4), **thread, seq=1)
    log.send("DeleteThread", bearer=bearer, command_id=uid(3, 5), **thread)
    return log


@pytest.mark.parametrize("slept_at", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_nothing_comes_back_that_a_successor_deleted(slept_at: int, size: int) -> None:
    """Whatever it was saying when it fell asleep, the last word on what was deleted is a tombstone."""
    records = _log().records
    machine, store = Machine(), MemoryStore()
    publisher = Sleepy(machine, store, records, records[slept_at].timestamp)
    sleeper = World(store=store, publisher=publisher, lease=machine.lease())
    with suppress(TimeoutError):  # what comes next waits to be a member again, which only a rebalance would end
        asyncio.run(asyncio.wait_for(sleeper.go(records, size), 0.5))
    assert not machine.awake
    last = {one.key: one.value for one in publisher.records("chat.events")}
    content = {key: value for key, value in last.items() if key is not None and key.count(b"/") > 2}
    assert len(content) == 2
    assert set(content.values()) == {None}
