"""What is asked of Cassandra to find threads that hold nothing any more."""

from collections import Counter

import pytest

from chat.domain.model import LearnerId, ThreadKey
from chat.settings import Settings
from chat.storage import idle_threads
from chat.storage.idle_threads import IdleThreads, ListedThread, Slice
from chat.storage.session import Connection
from tests.api_client import key_of, message_at, shown_thread
from tests.cassandra_history import CassandraHistory
from tests.records import NOW, uid

LEARNERS = [LearnerId(f"tenant-{number % 3}", f"learner-{number}", 1) for number in range(60)]
THREADS = [ThreadKey(learner, uid(1, number)) for number, learner in enumerate([*LEARNERS, *[LEARNERS[0]] * 40])]
"""A thread for each learner, and 40 more for one of them."""


@pytest.fixture
async def history(connection: Connection, migrated: Settings) -> CassandraHistory:
    return await CassandraHistory.of(connection, migrated)


@pytest.mark.parametrize("total", [1, 7, 96])
async def test_every_slice_together_lists_every_thread_once(
    connection: Connection, history: CassandraHistory, total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a learner's threads are on several pages; a deleted thread is in no slice."""
    for number, key in enumerate(THREADS):
        await history.put_thread(key, shown_thread(number, last_seq=number, last_activity_at=NOW + number))
    await history.delete_thread(THREADS[-1])
    monkeypatch.setattr(idle_threads, "PAGE", 9)
    idle = await IdleThreads.open(connection)
    pages = [page for number in range(total) async for page in idle.listed(Slice(number, total))]
    wanted = [ListedThread(key, number, NOW + number) for number, key in enumerate(THREADS[:-1])]
    assert Counter(one for page in pages for one in page) == Counter(wanted)
    assert max(map(len, pages)) <= 9


@pytest.mark.parametrize("seq", [1, 500, 501, 1_200])
async def test_one_message_anywhere_is_enough(connection: Connection, history: CassandraHistory, seq: int) -> None:
    """A message in any bucket, a husk too, is something that the thread holds; when it has expired, nothing is."""
    key = key_of(seq, tenant="tenant-held")
    idle = await IdleThreads.open(connection)
    assert not await idle.holds_messages(key, 1_200)
    await history.put_message(key, message_at(seq, seq, content=None, deleted_at=NOW))
    assert await idle.holds_messages(key, 1_200)
    await history.expire(key, 1_200)
    assert not await idle.holds_messages(key, 1_200)
    assert not await idle.holds_messages(key, 0)
