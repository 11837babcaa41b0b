"""One suite for the store in memory and the one in Cassandra: what the way of a command stands on."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from chat.domain.model import BUCKET, Details, LearnerId, Message, Status, Thread, ThreadKey
from chat.domain.validate import MAX_CONTENT_BYTES, MAX_METADATA_BYTES
from chat.domain.verdict import Remembered
from chat.settings import Settings
from chat.storage.session import Connection
from chat.storage.store import MANY_IDS, Store
from chat.storage.writes import CommandWrite, MessageWrite, ThreadWrite
from tests.records import uid
from tests.stores import store_of

NOW = int(time.time() * 1000)
LEARNER = LearnerId("tenant-1", "learner-1", 1)
OTHER = LearnerId("tenant-1", "learner-2", 1)


def _thread(number: int, last_seq: int = 0, position: int = 5) -> Thread:
    details = Details("a title ✏️", '{"a":1}', "teacher-1", NOW, NOW)
    time_us = NOW * 1000
    return Thread(uid(1, number), details, Status.LIVE, last_seq, position, 5, time_us, time_us + last_seq, NOW)


def _message(number: int, thread: int, seq: int) -> Message:
    return Message(uid(2, number), uid(1, thread), seq, "teacher-1", "hi 🙂", "text", None, "{}", NOW, NOW)


@dataclass
class Keys:
    """Fresh thread numbers for each test: Cassandra's tables outlive it."""

    first: int

    def key(self, offset: int = 0, learner: LearnerId = LEARNER) -> ThreadKey:
        return ThreadKey(learner, uid(1, self.first + offset))


@pytest.fixture
def keys(request: pytest.FixtureRequest) -> Keys:
    return Keys(abs(hash(request.node.name)) % 10**9 * 1000)


def _write(keys: Keys, offset: int, seqs: range, position: int) -> ThreadWrite:
    number = keys.first + offset
    key = keys.key(offset)
    thread = _thread(number, seqs.stop - 1, position)
    messages = [MessageWrite(key, _message(number + seq, number, seq), thread.write_time - 9 + seq) for seq in seqs]
    return ThreadWrite(key, thread, messages, details=True)


async def test_a_thread_reads_as_it_was_committed(store: Store, keys: Keys) -> None:
    """A committed thread comes back whole, with its message ids."""
    write = _write(keys, 1, range(1, 4), position=9)
    await store.commit([write])
    loaded = (await store.load_threads([write.key]))[write.key]
    assert loaded.thread == write.thread
    assert loaded.messages.taken == {one.message.message_id for one in write.messages}
    assert loaded.messages.complete


async def test_a_thread_that_is_not_there_is_none(store: Store, keys: Keys) -> None:
    """A thread that nobody made loads as None, also when another learner has one of that id."""
    write = _write(keys, 1, range(1, 2), position=9)
    await store.commit([write])
    foreign = ThreadKey(OTHER, write.key.thread_id)
    loaded = await store.load_threads([keys.key(2), foreign])
    assert [one.thread for one in loaded.values()] == [None, None]


async def test_an_older_write_never_beats_a_newer_one(store: Store, keys: Keys) -> None:
    """An old owner's late write of an earlier state changes nothing."""
    newer, older = _write(keys, 1, range(1, 4), position=9), _write(keys, 1, range(1, 2), position=7)
    await store.commit([newer])
    await store.commit([older])
    assert (await store.load_threads([newer.key]))[newer.key].thread == newer.thread


async def test_messages_are_found_by_id(store: Store, keys: Keys) -> None:
    """A message id gives its seq in its own thread only."""
    write = _write(keys, 1, range(1, 4), position=9)
    await store.commit([write])
    message = write.messages[1].message
    found = await store.find_messages({write.key: [message.message_id, uid(2, 0)], keys.key(2): [message.message_id]})
    assert found == {(write.key, message.message_id): 2}


async def test_commands_are_remembered_for_their_learner(store: Store, keys: Keys) -> None:
    """What is remembered of a command is found for its learner and nobody else."""
    command_id = uid(3, keys.first + 1)
    remembered = Remembered(2, b"d" * 16, 77)
    await store.write_messages([], [CommandWrite(LEARNER, command_id, remembered, NOW * 1000, NOW)])
    found = await store.find_commands({LEARNER: [command_id, uid(3, keys.first + 2)], OTHER: [command_id]})
    assert found == {(LEARNER, command_id): remembered}
    loaded = await store.load_commands([LEARNER, OTHER])
    assert command_id in loaded[LEARNER].taken
    assert command_id not in loaded[OTHER].taken


async def test_a_thread_id_is_claimed_once_in_its_tenant(store: Store, keys: Keys) -> None:
    """The first learner to claim keeps the id, may claim it again, and another tenant has its own."""
    mine, theirs = keys.key(1), keys.key(1, OTHER)
    elsewhere = keys.key(1, LearnerId("tenant-2", "learner-1", 1))
    assert await store.claim(mine)
    assert not await store.claim(theirs)
    assert await store.claim(mine)
    assert await store.claim(elsewhere)


async def test_two_claims_at_once_have_one_winner(store: Store, keys: Keys) -> None:
    """Of learners that race for a thread id exactly one gets it."""
    racers = [keys.key(1, LearnerId("tenant-1", f"racer-{number}", 1)) for number in range(8)]
    assert sum(await asyncio.gather(*map(store.claim, racers))) == 1


@pytest.mark.parametrize("change", [{"content": "edited"}, {"content": None, "deleted_at": NOW}])
async def test_under_a_shorter_retention_a_change_ends_what_should_be_gone(
    fresh: Settings, keys: Keys, change: dict[str, Any]
) -> None:
    """Its row would live on, and show what it was before; a new message of that age is not written at all."""
    connection = await Connection.open(fresh)
    try:
        long, short = [await store_of(connection, fresh, days * 86_400) for days in (365, 30)]
        old = _message(keys.first, keys.first, 1)._replace(created_at=NOW - 50 * 86_400_000)
        old = old._replace(updated_at=old.created_at)
        await long.write_messages([MessageWrite(keys.key(), old, NOW * 1000)], [])
        assert await short.read_messages([(keys.key(), 1)]) == {(keys.key(), 1): old}
        changed = MessageWrite(keys.key(), old._replace(updated_at=NOW, **change), NOW * 1000 + 1)
        await short.write_messages([changed, MessageWrite(keys.key(), old._replace(seq=2), NOW * 1000)], [])
        assert await long.read_messages([(keys.key(), 1), (keys.key(), 2)]) == {}
    finally:
        await connection.close()


async def test_many_rows_travel_together(store: Store, keys: Keys) -> None:
    """More rows than one batch holds, over many partitions and in one, are all written."""
    many = [_write(keys, number, range(1, 3), position=9) for number in range(1, 200)]
    one = _write(keys, 500, range(1, 200), position=9)
    await store.commit([*many, one])
    loaded = await store.load_threads([write.key for write in (*many, one)], 200)
    assert [len(entry.messages.taken) for entry in loaded.values()] == [2] * 199 + [199]


async def test_large_messages_pass_cassandras_batch_limit(store: Store, keys: Keys) -> None:
    """Sixty messages of the longest content are written, whatever Cassandra allows in one batch."""
    write = _write(keys, 1, range(1, 61), position=9)
    long = [one._replace(message=one.message._replace(content="x" * 16_384)) for one in write.messages]
    await store.write_messages(long, [])
    await store.commit([write._replace(messages=long)])
    assert (await store.load_threads([write.key]))[write.key].thread == write.thread


async def test_a_trip_that_is_more_than_one_mutation_is_written(store: Store, keys: Keys) -> None:
    """A whole bucket of messages at the limit of their size is larger than Cassandra's largest mutation."""
    write = _write(keys, 1, range(1, BUCKET + 1), position=9)
    content, metadata = "x" * MAX_CONTENT_BYTES, "x" * MAX_METADATA_BYTES
    large = [one._replace(message=one.message._replace(content=content, metadata=metadata)) for one in write.messages]
    await store.write_messages(large, [])
    wanted = [(write.key, seq) for seq in (1, BUCKET // 2, BUCKET)]
    assert await store.read_messages(wanted) == {one: large[one[1] - 1].message for one in wanted}


async def test_every_message_of_a_thread_is_named_for_its_tombstone(store: Store, keys: Keys) -> None:
    """Page by page, each id once: the nil UUID too, which is the first of all; a thread without any names none."""
    write = _write(keys, 1, range(1, MANY_IDS + 2), position=9)
    first = write.messages[0]
    nil = first._replace(message=first.message._replace(message_id=str(uuid.UUID(int=0))))
    write = write._replace(messages=[nil, *write.messages[1:]])
    empty = _write(keys, 2, range(1, 1), position=9)
    await store.commit([write, empty])
    named = [one async for page in store.event_keys(write.key) for one in page.messages]
    assert sorted(named) == sorted(one.message.message_id for one in write.messages)
    assert [one async for page in store.event_keys(empty.key) for one in page.messages] == []


async def test_more_ids_than_are_loaded_are_looked_up(store: Store, keys: Keys) -> None:
    """Where a thread has more ids than were asked for, they are not called complete, and each can be found."""
    write = _write(keys, 1, range(1, 121), position=9)
    await store.commit([write])
    some, every = [(await store.load_threads([write.key], ids))[write.key] for ids in (119, 120)]
    assert (some.messages.complete, every.messages.complete) == (False, True)
    assert some.thread == every.thread == write.thread
    ids = [one.message.message_id for one in write.messages]
    assert every.messages.taken == {*ids}
    assert not (await store.load_messages([write.key], 119))[write.key].complete
    assert (await store.load_messages([write.key], 120))[write.key] == every.messages
    assert len(await store.find_messages({write.key: ids})) == 120


async def test_more_commands_than_are_loaded_are_not_called_complete(store: Store, keys: Keys) -> None:
    """As with a thread's messages, over all of the partitions that a learner's commands lie in."""
    learner = LearnerId("tenant-1", f"learner-{keys.first}", 1)
    remembered = Remembered(2, b"d" * 16, 77)
    ids = [uid(3, keys.first + number) for number in range(30)]
    await store.write_messages([], [CommandWrite(learner, one, remembered, NOW * 1000, NOW) for one in ids])
    some, every = [(await store.load_commands([learner], most))[learner] for most in (29, 30)]
    assert (some.complete, every.complete) == (False, True)
    assert every.taken == {*ids}
