"""A worker that slept while it spoke, and whose successor went on without it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

import schemas
from chat.domain.model import Life
from chat.storage.memory import MemoryStore
from streams.lease import Lease
from streams.memory import Memory
from streams.publish import Outgoing
from tests.asleep import Machine, Replaced
from tests.records import Log, Sent, token, uid
from tests.way import MemoryPublisher, World


@dataclass
class Sleepy(MemoryPublisher):
    """Falls asleep with the events of `at` in its hands, and meanwhile a successor handles the whole log.

    With `ends`, all learners' lives are over then.
    """

    machine: Machine
    store: MemoryStore
    log: Sequence[Sent]
    at: int
    ends: bool = False
    topics: dict[tuple[str, int], list[Outgoing]] = field(default_factory=dict)

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        speaks = topic == "chat.events" and any(one.timestamp == self.at and one.value for one in records)
        if speaks and self.machine.awake:
            self.machine.now, self.machine.awake = 60.0, False
            successor = MemoryPublisher()
            successor.topics = self.topics
            await World(store=self.store, publisher=successor).go(self.log)
            if self.ends:
                self.store.lives |= {key.learner.learner: Life(1, alive=False) for key in self.store.threads}
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


@pytest.mark.parametrize("slept_at", [0, 1, 2, 3, 4])
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
    last = last_words(publisher)
    content = {key: value for key, value in last.items() if key is not None and key.count(b"/") > 2}
    assert len(content) == 2
    assert set(content.values()) == {None}
    (thread,) = last.keys() - content.keys()
    assert last[thread] is None or schemas.decode(last[thread]).type == "CHAT_THREAD_DELETED"


@pytest.mark.parametrize("slept_at", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_nothing_stands_of_who_was_erased_meanwhile(slept_at: int, size: int) -> None:
    """Whatever it was saying when it fell asleep has a tombstone behind it, and its lane waits for nobody's key."""
    records = _log().records[:4]  # what lives on but for the erasure
    machine, store = Machine(), MemoryStore()
    publisher = Sleepy(machine, store, records, records[slept_at].timestamp, ends=True)
    sleeper = World(store=store, publisher=publisher, lease=machine.lease())
    with suppress(TimeoutError):  # as above
        asyncio.run(asyncio.wait_for(sleeper.go(records, size), 0.5))
    assert not machine.awake
    start = slept_at - slept_at % size
    last = last_words(publisher)
    late = [one.timestamp for one in records[start : start + size]]
    said = {one.key for one in publisher.records("chat.events") if one.timestamp in late and one.value is not None}
    assert said
    assert {last[key] for key in said} == {None}


async def test_nothing_is_claimed_after_an_erasure() -> None:
    """It slept with a `CreateThread` in its hands, and still takes the learner's life for one that goes on."""
    log, machine = Log(), Machine()
    sleeper = World(lease=Lease(machine.membership, lambda: machine.now))
    way, memory = sleeper._way(), Memory()
    for number in (1, 2):
        log.send("CreateThread", command_id=uid(3, number), thread_id=uid(1, number), title="a")
    await way.go(memory, log.records[:1])
    assert sleeper.store.owners
    machine.now, machine.awake = 60.0, False
    sleeper.store.owners.clear()
    with pytest.raises(Replaced):
        await way.go(memory, log.records[1:])
    assert not sleeper.store.owners


WRITES = ("write_messages", "commit", "write_list", "purge")


@dataclass
class SleepyStore:
    """The store of who falls asleep with its `at`-th write in its hands, while a successor handles the whole log."""

    machine: Machine
    store: MemoryStore
    publisher: MemoryPublisher
    log: Sequence[Sent]
    at: int
    after: dict[str, Any] = field(default_factory=dict)
    said: dict[bytes | None, bytes | None] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.store, name)
        return self._drowsy(call) if name in WRITES else call

    def _drowsy(self, call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def write(*values: Any) -> None:
            self.at -= 1
            if self.at == 0:
                self.machine.now, self.machine.awake = 60.0, False
                await World(store=self.store, publisher=self.publisher).go(self.log)
                self.after, self.said = rows(self.store), last_words(self.publisher)
            await call(*values)

        return write


def rows(store: MemoryStore) -> dict[str, Any]:
    """Every row with its write time."""
    return {name: dict(table) for name, table in vars(store).items() if isinstance(table, dict)}


def last_words(publisher: MemoryPublisher) -> dict[bytes | None, bytes | None]:
    """What compaction leaves of each key."""
    return {one.key: one.value for one in publisher.records("chat.events")}


def _talk() -> Log:
    """A thread of three messages, of which one is changed and one deleted; and one that is deleted itself."""
    log, bearer = _log(), token(role="admin", user="admin-1")
    thread = {"thread_id": uid(1, 2)}
    log.send("CreateThread", bearer=bearer, command_id=uid(3, 20), **thread, title="b")
    for number in (2, 3, 4):
        log.send(
            "PostMessage",
            bearer=bearer,
            command_id=uid(3, 20 + number),
            **thread,
            message_id=uid(2, number),
            content="x",
        )
    log.send("EditMessage", bearer=bearer, command_id=uid(3, 30), **thread, message_id=uid(2, 2), content="y")
    log.send("DeleteMessage", bearer=bearer, command_id=uid(3, 31), **thread, message_id=uid(2, 3))
    return log


@pytest.mark.parametrize("at", range(1, 13))
@pytest.mark.parametrize("size", [1, 3, 11])
def test_a_late_write_takes_nothing_back(at: int, size: int) -> None:
    """Whichever write it held when it fell asleep: no row is older afterwards, no `seq` was given twice, and the last
    word on everything is its successor's.
    """
    records, machine, publisher = _talk().records, Machine(), MemoryPublisher()
    store = SleepyStore(machine, MemoryStore(), publisher, records, at)
    lease = Lease(machine.membership, lambda: machine.now)
    sleeper = World(store=store, publisher=publisher, lease=lease)  # type: ignore[arg-type]
    with suppress(Replaced):
        asyncio.run(sleeper.go(records, size))
    if machine.awake:
        assert store.at > 0, "it ended before so many writes"
        assert size > 1, "a chunk a record must write more often"
        return
    assert rows(store.store) == store.after
    assert last_words(publisher) == store.said
    given: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for event in sleeper.events():
        if event.type == "CHAT_MESSAGE_CREATED":
            data = event.fields["data"]
            given[data["thread_id"], data["seq"]].add(data["message_id"])
    assert len(given) == 4
    assert all(len(messages) == 1 for messages in given.values())
