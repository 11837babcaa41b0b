"""One suite for every `History`: what is read back from Cassandra is what is read back from memory."""

import uuid
from collections.abc import AsyncIterator

import pytest

from chat.domain.model import BUCKET, Message, ThreadKey
from chat.settings import Settings
from chat.storage.history import History, Place
from chat.storage.memory_reads import MemoryHistory
from chat.storage.session import Connection
from tests.api_client import key_of, message_at, shown_thread
from tests.cassandra_history import CassandraHistory
from tests.records import NOW, uid

Kept = MemoryHistory | CassandraHistory


@pytest.fixture(params=["memory", "cassandra"])
def settings(request: pytest.FixtureRequest) -> Settings | None:
    """None for memory."""
    found: Settings | None = request.getfixturevalue("migrated") if request.param == "cassandra" else None
    return found


@pytest.fixture
async def history(settings: Settings | None) -> AsyncIterator[Kept]:
    if settings is None:
        yield MemoryHistory()
        return
    connection = await Connection.open(settings)
    yield await CassandraHistory.of(connection, settings)
    await connection.close()


@pytest.fixture
def learner() -> str:
    """A learner whom no other test knows."""
    return f"learner-{uuid.uuid4()}"


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test knows: thread ids are taken for ever."""
    return f"tenant-{uuid.uuid4()}"


async def message_of(history: Kept, key: ThreadKey, message_id: str) -> Message | None:
    """A message without its version."""
    found = await history.message(key, message_id)
    return None if found is None else found.message


async def test_it_is_a_history(history: Kept) -> None:
    """Both answer the same questions."""
    asked: History = history
    assert await asked.owner("nobody", uid(1, 1)) is None


async def test_a_thread_comes_back_whole(history: Kept, tenant: str, learner: str) -> None:
    """By its key and in its learner's list, letter by letter."""
    key, shown = key_of(1, tenant, learner), shown_thread(1, 7, NOW + 123)
    details = shown.details._replace(title="Brüche 👋🏽", metadata='{"a":[1,2]}', updated_at=NOW + 45)
    shown = shown._replace(details=details, version=NOW * 1000 + 999)
    await history.put_thread(key, shown)
    assert await history.owner(tenant, key.thread_id) == key
    assert await history.owner(tenant, key.thread_id) == key
    assert await history.thread(key) == shown
    assert await history.last_seq(key) == 7
    assert [one._replace(version=0) for one in await history.threads(key.learner, 10)] == [shown._replace(version=0)]


async def test_a_mark_is_its_users_own(history: Kept, tenant: str, learner: str) -> None:
    """Each user has marks of their own, and none where nothing was read."""
    first, second = key_of(1, tenant, learner), key_of(2, tenant, learner)
    await history.put_mark(first, "user-1", 5)
    await history.put_mark(first, "user-2", 7)
    asked = [first.thread_id, second.thread_id]
    assert await history.marks(first.learner, "user-1", asked) == {first.thread_id: 5}
    assert await history.marks(first.learner, "user-2", asked) == {first.thread_id: 7}
    assert await history.marks(first.learner, "user-3", asked) == {}


async def test_what_is_not_there_is_none(history: Kept, tenant: str, learner: str) -> None:
    """No owner, no thread, no list, no message, no error."""
    key = key_of(1, tenant, learner)
    assert await history.owner(tenant, key.thread_id) is None
    assert await history.thread(key) is None
    assert await history.last_seq(key) is None
    assert await history.threads(key.learner, 10) == []
    assert await history.messages(key, 1, 200) == []
    assert await history.first_kept(key, 0) is None
    assert await history.message(key, uid(2, 1)) is None


async def test_a_thread_is_its_tenants_own(history: Kept, tenant: str, learner: str) -> None:
    """One id in two tenants is two threads."""
    key, other = key_of(1, tenant, learner), key_of(1, f"{tenant}-2", learner)
    await history.put_thread(key, shown_thread(1, 1))
    assert await history.owner(other.learner.tenant_id, key.thread_id) is None
    await history.put_thread(other, shown_thread(1, 2))
    assert await history.last_seq(key) == 1
    assert await history.last_seq(other) == 2


async def test_an_owner_found_late_is_found(history: Kept, tenant: str, learner: str) -> None:
    """That a thread was not there yet is not remembered."""
    key = key_of(1, tenant, learner)
    assert await history.owner(tenant, key.thread_id) is None
    await history.put_thread(key, shown_thread(1))
    assert await history.owner(tenant, key.thread_id) == key


async def test_more_owners_than_are_kept_in_memory_are_found(
    history: Kept, tenant: str, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were forgotten are asked for again."""
    monkeypatch.setattr("chat.storage.reads.OWNERS", 1)
    keys = [key_of(number, tenant, learner) for number in (1, 2)]
    for number, key in enumerate(keys, 1):
        await history.put_thread(key, shown_thread(number))
    assert [await history.owner(tenant, key.thread_id) for key in keys * 2] == keys * 2


async def test_the_list_is_in_order(history: Kept, tenant: str, learner: str) -> None:
    """Latest activity first, then by id; behind a place, so many."""
    times = {1: 5, 2: 9, 3: 5, 4: 7, 5: 5}
    for number, active in times.items():
        await history.put_thread(key_of(number, tenant, learner), shown_thread(number, 0, NOW + active))
    whole = await history.threads(key_of(1, tenant, learner).learner, 10)
    assert [one.thread_id for one in whole] == [uid(1, number) for number in (2, 4, 1, 3, 5)]
    for start, one in enumerate(whole):
        behind = Place(one.last_activity_at, one.thread_id)
        assert await history.threads(key_of(1, tenant, learner).learner, 2, behind) == whole[start + 1 : start + 3]


async def test_messages_come_back_whole(history: Kept, tenant: str, learner: str) -> None:
    """Every field, husks and answers included, oldest first."""
    key = key_of(1, tenant, learner)
    messages = [
        message_at(1, content="Grüße 👋🏽\n\x00", metadata='{"a": {"b": null}}'),
        message_at(2, content="", message_type="image", reply_to=uid(2, 1), updated_at=NOW + 99),
        message_at(3, content=None, metadata="{}", deleted_at=NOW + 100),
    ]
    await history.put_thread(key, shown_thread(1, 3))
    for message in messages:
        await history.put_message(key, message)
    assert await history.messages(key, 1, 3) == messages
    assert await history.messages(key, 0, 2) == messages[:2]
    assert [await message_of(history, key, one.message_id) for one in messages] == messages


async def test_every_write_of_a_message_is_another_version(history: Kept, tenant: str, learner: str) -> None:
    """Of one millisecond though they be."""
    key = key_of(1, tenant, learner)
    await history.put_thread(key, shown_thread(1, 1))
    versions = []
    for content in ("a", "b", None):
        await history.put_message(key, message_at(1, content=content))
        found = await history.message(key, uid(2, 1))
        assert found is not None
        versions.append(found.version)
    assert versions == sorted(set(versions))


async def test_a_range_may_cross_buckets(history: Kept, tenant: str, learner: str) -> None:
    """The end of one bucket and the beginning of the next come in one order."""
    key = key_of(1, tenant, learner)
    await history.put_thread(key, shown_thread(1, BUCKET + 3))
    for seq in range(BUCKET - 2, BUCKET + 4):
        await history.put_message(key, message_at(seq))
    found = await history.messages(key, BUCKET - 1, BUCKET + 2)
    assert [one.seq for one in found] == [BUCKET - 1, BUCKET, BUCKET + 1, BUCKET + 2]
    assert await history.messages(key, 5, 4) == []


async def test_what_is_not_committed_is_no_message(history: Kept, tenant: str, learner: str) -> None:
    """A row beyond the thread's last seq is not found by its id."""
    key = key_of(1, tenant, learner)
    await history.put_thread(key, shown_thread(1, 1))
    for seq in (1, 2):
        await history.put_message(key, message_at(seq))
    assert await message_of(history, key, uid(2, 1)) == message_at(1)
    assert await history.message(key, uid(2, 2)) is None


async def test_a_row_that_holds_another_id_is_no_message(history: Kept, tenant: str, learner: str) -> None:
    """A row that a second run wrote over belongs to the id that it holds."""
    key = key_of(1, tenant, learner)
    await history.put_thread(key, shown_thread(1, 1))
    await history.put_message(key, message_at(1))
    await history.put_message(key, message_at(1, message_id=uid(2, 9)))
    assert await history.message(key, uid(2, 1)) is None
    assert await message_of(history, key, uid(2, 9)) == message_at(1, message_id=uid(2, 9))


@pytest.mark.parametrize("expired", [0, 3, BUCKET, BUCKET * 2 + 1, BUCKET * 3 + 5])
async def test_what_has_expired_is_not_there(history: Kept, tenant: str, learner: str, expired: int) -> None:
    """The first message that is kept is found, in whichever bucket; rows that are not committed do not count."""
    key, last = key_of(1, tenant, learner), BUCKET * 3 + 5
    await history.put_thread(key, shown_thread(1, last))
    kept = [1, 2, 4, BUCKET, BUCKET + 1, BUCKET * 2 + 1, BUCKET * 2 + 2, last, last + 1]
    for seq in kept:
        await history.put_message(key, message_at(seq))
    await history.expire(key, expired)
    still = [seq for seq in kept if expired < seq <= last]
    for first in (1, 3, BUCKET + 2, BUCKET * 2 + 2, last):
        assert await history.first_kept(key, last, first) == next((seq for seq in still if seq >= first), None)
    assert [one.seq for one in await history.messages(key, 1, 10)] == [seq for seq in still if seq <= 10]


async def test_a_deleted_thread_is_gone_and_its_id_taken(history: Kept, tenant: str, learner: str) -> None:
    """Neither thread nor list nor message, but an owner."""
    key = key_of(1, tenant, learner)
    await history.put_thread(key, shown_thread(1, 1))
    await history.put_message(key, message_at(1))
    await history.delete_thread(key)
    assert await history.owner(tenant, key.thread_id) == key
    assert await history.thread(key) is None
    assert await history.last_seq(key) is None
    assert await history.threads(key.learner, 10) == []
    assert await history.message(key, uid(2, 1)) is None
