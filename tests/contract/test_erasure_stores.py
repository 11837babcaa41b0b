"""One suite for memory and Cassandra: the rows of a life that is over, the chain of receipts, and legal holds."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio

from chat.domain.commands import PostMessage
from chat.domain.model import Details, LearnerId, Message, Status, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.settings import Settings
from chat.storage.cassandra_erasure import CassandraLifeRows
from chat.storage.erasure_store import Holds, LifeRows, Link, ReceiptChain, ThreadMark
from chat.storage.memory import MemoryStore
from chat.storage.receipts import CassandraHolds, CassandraReceipts
from chat.storage.session import Connection
from chat.storage.store import Store
from chat.storage.writes import CommandWrite, MarkWrite, MessageWrite, ThreadWrite
from tests.erasing import MemoryChain, MemoryHolds, MemoryRows
from tests.stores import store_of

NOW = int(time.time() * 1000)


class Kept(NamedTuple):
    """All that an erasure stands on."""

    store: Store
    rows: LifeRows
    chain: ReceiptChain
    holds: Holds


@pytest_asyncio.fixture
async def kept(where: Settings | None) -> AsyncIterator[Kept]:
    if where is None:
        store = MemoryStore()
        yield Kept(store, MemoryRows(store), MemoryChain(), MemoryHolds())
        return
    connection = await Connection.open(where)
    rows, chain = await CassandraLifeRows.open(connection), await CassandraReceipts.open(connection)
    yield Kept(await store_of(connection, where, 86_400), rows, chain, await CassandraHolds.open(connection))
    await connection.close()


@pytest.fixture
def learner() -> LearnerId:
    return LearnerId(f"tenant-{uuid.uuid4()}", "learner-1", 1)


async def written(store: Store, learner: LearnerId, messages: int = 3) -> ThreadKey:
    """A thread with messages, a command and a mark."""
    key = ThreadKey(learner, str(uuid.uuid4()))
    await store.claim(key)
    details = Details("a title", "{}", "teacher-1", NOW, NOW)
    thread = Thread(key.thread_id, details, Status.LIVE, messages, 5, 5, NOW * 1000, NOW * 1000, NOW)
    posts = [MessageWrite(key, _message(key, seq), NOW * 1000) for seq in range(1, messages + 1)]
    command = CommandWrite(learner, str(uuid.uuid4()), Remembered(PostMessage.kind, b"d" * 16, 5), NOW * 1000, NOW)
    await store.write_messages(posts, [command], [MarkWrite(key, "teacher-1", messages, NOW * 1000)])
    write = ThreadWrite(key, thread, posts, details=True)
    await store.commit([write])
    await store.write_list([write])
    return key


def _message(key: ThreadKey, seq: int) -> Message:
    return Message(str(uuid.uuid4()), key.thread_id, seq, "teacher-1", "hi", "text", None, "{}", NOW, NOW)


async def threads(rows: LifeRows, learner: LearnerId) -> list[str]:
    return sorted([one async for page in rows.threads(learner) for one in page])


async def test_all_of_a_life_is_listed(kept: Kept, learner: LearnerId) -> None:
    """Every thread that was claimed, also one that holds nothing; its messages, marks and commands; nobody else's."""
    key, bare = await written(kept.store, learner), ThreadKey(learner, str(uuid.uuid4()))
    await kept.store.claim(bare)
    await written(kept.store, learner._replace(generation=2))
    assert await threads(kept.rows, learner) == sorted([key.thread_id, bare.thread_id])
    assert len([one async for page in kept.rows.messages(key) for one in page]) == 3
    assert [one async for page in kept.rows.messages(bare) for one in page] == []
    marks = [one async for page in kept.rows.marks(learner) for one in page]
    assert marks == [ThreadMark(key.thread_id, "teacher-1")]
    assert await kept.rows.commands(learner) == 1
    assert await kept.rows.left(key) >= 6
    assert await kept.rows.left_of(learner) == 3


async def test_what_is_purged_is_gone_and_the_rest_is_not(kept: Kept, learner: LearnerId) -> None:
    """In the order of an erasure, twice; another life of the learner stays."""
    key, other = await written(kept.store, learner), learner._replace(generation=2)
    theirs = await written(kept.store, other)
    for _ in range(2):
        await kept.rows.purge_thread(key)
        assert await kept.rows.left(key) == 0
        await kept.rows.purge_learner(learner)
        assert await kept.rows.left_of(learner) == 0
        assert await threads(kept.rows, learner) in ([key.thread_id], [])
        await kept.rows.forget_threads(learner)
        assert await threads(kept.rows, learner) == []
    assert await kept.rows.left(theirs) >= 6
    assert await kept.rows.left_of(other) == 3
    assert await threads(kept.rows, other) == [theirs.thread_id]


async def test_a_late_write_of_before_stays_deleted(kept: Kept, learner: LearnerId) -> None:
    """Also one whose clock is ahead by seconds."""
    key = await written(kept.store, learner)
    await kept.rows.purge_thread(key)
    await kept.rows.purge_learner(learner)
    late = MessageWrite(key, _message(key, 1), (NOW + 5_000) * 1000)
    await kept.store.write_messages([late], [], [MarkWrite(key, "teacher-1", 1, (NOW + 5_000) * 1000)])
    assert await kept.rows.left(key) == 0
    assert await kept.rows.left_of(learner) == 0


async def test_messages_beyond_the_last_go_too(kept: Kept, learner: LearnerId) -> None:
    """A worker that died before its commit point may have left a trip's posts in the next buckets."""
    key = await written(kept.store, learner)
    unseen = [MessageWrite(key, _message(key, seq), NOW * 1000) for seq in (4, 700, 1200)]
    await kept.store.write_messages(unseen, [])
    assert await kept.rows.left(key) >= 9
    await kept.rows.purge_thread(key)
    assert await kept.store.read_messages([(key, seq) for seq in (1, 4, 700, 1200)]) == {}


async def test_a_thread_id_stays_taken_and_is_nobodys(kept: Kept, learner: LearnerId) -> None:
    """Neither the erased learner nor another may claim it; of somebody else's thread nothing changes."""
    key = await written(kept.store, learner)
    other = ThreadKey(learner._replace(learner_id="learner-2"), key.thread_id)
    assert not await kept.store.claim(other)
    await kept.rows.purge_thread(other)
    assert await kept.store.claim(key)
    await kept.rows.purge_thread(key)
    for one in (key, other, key._replace(learner=learner._replace(generation=2))):
        assert not await kept.store.claim(one)


async def test_a_receipt_has_its_number_alone(kept: Kept) -> None:
    """Of those that come at once one gets it, and each learns which; the last is found."""
    tenant = f"tenant-{uuid.uuid4()}"
    assert await kept.chain.last(tenant) is None
    rivals = [Link(1, str(uuid.uuid4()), f'{{"of":{number}}}') for number in range(4)]
    winners = set(await asyncio.gather(*(kept.chain.add(tenant, one) for one in rivals)))
    assert len(winners) == 1
    second = Link(2, str(uuid.uuid4()), "{}")
    assert [await kept.chain.add(tenant, second) for _ in range(2)] == [second] * 2
    assert await kept.chain.last(tenant) == second


async def test_a_hold_is_put_and_taken_away(kept: Kept) -> None:
    """Each twice over; the latest reason counts."""
    subject = uuid.uuid4().bytes
    assert await kept.holds.hold_on(subject) is None
    for reason in ("court_order", "court_order", "audit"):
        assert await kept.holds.hold(subject, reason, 1)
        assert await kept.holds.hold_on(subject) == reason
    for _ in range(2):
        await kept.holds.release(subject)
        assert await kept.holds.hold_on(subject) is None


async def test_a_hold_or_an_erasure_is_first(kept: Kept) -> None:
    """Whoever is second is told; the next life may be held."""
    subject = uuid.uuid4().bytes
    assert await kept.holds.hold(subject, "court_order", 1)
    assert not await kept.holds.close(subject, 1)
    await kept.holds.release(subject)
    for _ in range(2):
        assert await kept.holds.close(subject, 1)
        assert not await kept.holds.hold(subject, "court_order", 1)
        assert await kept.holds.hold_on(subject) is None
        await kept.holds.release(subject)
    assert await kept.holds.hold(subject, "court_order", 2)
    assert await kept.holds.hold_on(subject) == "court_order"
