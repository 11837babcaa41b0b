"""A page costs the same wherever it lies in a long thread: few questions, next to no tombstones."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from chat.domain.model import Details, Message, Status, Thread, ThreadKey
from chat.settings import Settings
from chat.storage.session import Connection
from chat.storage.writes import MessageWrite, ThreadWrite
from tests.api_client import ApiClient, client_of, key_of, make_app, seqs
from tests.cassandra_history import CassandraHistory
from tests.records import uid
from tests.stores import history_of, store_of

LENGTH = 100_000
DELETED = 5_000
"""Messages deleted at either end."""

AT_ONCE = 4_000
MAX_TOMBSTONES = 100
KEY = key_of(1)
NOW = int(time.time() * 1000)
YEAR = 365 * 86_400
_TOMBSTONES = re.compile(r"Read (\d+) live rows and (\d+) tombstone cells")


class TracedConnection(Connection):
    """Keeps every statement that was executed, each with Cassandra's trace of it."""

    asked: list[tuple[str, Any]]

    async def execute(self, statement: Any, values: Sequence[Any] | None = None) -> list[Any]:
        future = self.session.execute_async(statement, values, trace=True)
        rows = await asyncio.to_thread(lambda: list(future.result()))
        self.asked.append((getattr(statement, "query_string", statement), future))
        return rows

    async def tombstones(self) -> int:
        """How many tombstones all that was asked has read."""
        traces = [await asyncio.to_thread(one.get_query_trace, 30) for _, one in self.asked]
        said = [_TOMBSTONES.search(event.description) for trace in traces for event in trace.events]
        found = [one for one in said if one]
        assert len(found) >= len(self.asked), "a trace does not say what was read"
        return sum(int(one[2]) for one in found)

    def tables(self) -> list[str]:
        """The table of each statement."""
        return sorted(re.findall(r"FROM (\w+)", " ".join(statement for statement, _ in self.asked)))


def _message(seq: int) -> Message:
    message_id = str(uuid.UUID(int=seq))
    gone = seq <= DELETED or seq > LENGTH - DELETED
    content = None if gone else f"message {seq}"
    return Message(
        message_id, uid(1, 1), seq, "teacher-1", content, "text", None, "{}", NOW, NOW + gone, NOW + 1 if gone else None
    )


def _as_posted(message: Message) -> Message:
    return message._replace(content=f"message {message.seq}", updated_at=NOW, deleted_at=None)


async def _load(settings: Settings) -> None:
    """The rows that a worker writes of a thread whose first and last messages were deleted after they were posted."""
    connection = await Connection.open(settings)
    store = await store_of(connection, settings, YEAR)
    await store.claim(KEY)
    for first in range(1, LENGTH + 1, AT_ONCE):
        messages = [_message(seq) for seq in range(first, first + AT_ONCE)]
        posts = [MessageWrite(KEY, _as_posted(one), NOW * 1000 + one.seq) for one in messages]
        husks = [MessageWrite(KEY, one, (NOW + 1000) * 1000 + one.seq) for one in messages if one.deleted_at]
        await store.write_messages(posts, ())
        await store.commit([ThreadWrite(KEY, _thread(first + AT_ONCE - 1), posts, details=True)])
        await store.write_messages(husks, ())
    await connection.close()


def _thread(last_seq: int) -> Thread:
    time_us = NOW * 1000 + last_seq
    details = Details("A long thread", "{}", "teacher-1", NOW, NOW)
    return Thread(KEY.thread_id, details, Status.LIVE, last_seq, last_seq, 1, time_us, time_us, NOW)


@pytest.fixture(scope="module")
def loaded(fresh: Settings) -> Settings:
    asyncio.run(_load(fresh))
    return fresh


@pytest.fixture
async def traced(loaded: Settings) -> AsyncIterator[TracedConnection]:
    connection = await TracedConnection.open(loaded)
    connection.asked = []
    yield connection
    await connection.close()


@pytest.fixture
async def client(traced: TracedConnection, loaded: Settings) -> ApiClient:
    """A client of an API that has answered for this thread before: whose it is, it asks once only."""
    client = client_of(make_app(await history_of(traced, loaded)))
    await client.json(PATH, limit=1)
    traced.asked.clear()
    return client


PATH = f"/api/v1/threads/{KEY.thread_id}/messages"
PLACES = [
    ({}, range(LENGTH, LENGTH - 200, -1)),
    ({"after_seq": 0}, range(1, 201)),
    ({"after_seq": DELETED}, range(DELETED + 1, DELETED + 201)),
    ({"before_seq": DELETED + 100}, range(DELETED + 99, DELETED - 101, -1)),
    ({"before_seq": LENGTH // 2}, range(LENGTH // 2 - 1, LENGTH // 2 - 201, -1)),
    ({"around_seq": 77_777}, range(77_877, 77_677, -1)),
    ({"before_seq": LENGTH - DELETED + 1}, range(LENGTH - DELETED, LENGTH - DELETED - 200, -1)),
]


@pytest.mark.parametrize(("place", "wanted"), PLACES, ids=lambda one: str(one) if isinstance(one, dict) else "")
async def test_a_page_at_any_depth_costs_the_same(
    client: ApiClient, traced: TracedConnection, place: dict[str, int], wanted: range
) -> None:
    """One question for the thread, one or two for the longest page, and under 100 tombstones read for it."""
    page = await client.json(PATH, **place, limit=200)
    assert seqs(page["items"]) == list(wanted)
    assert [one["content"] for one in page["items"]] == [_message(seq).content for seq in wanted]
    assert page["last_seq"] == LENGTH
    assert traced.tables() in (["messages", "thread_log"], ["messages", "messages", "thread_log"])
    assert await traced.tombstones() < MAX_TOMBSTONES


@pytest.mark.parametrize("seq", [1, LENGTH // 2, LENGTH])
async def test_one_message_costs_two_questions(client: ApiClient, traced: TracedConnection, seq: int) -> None:
    """Its place, then itself, wherever it is."""
    found = await client.json(f"{PATH}/{_message(seq).message_id}")
    assert (found["seq"], found["content"]) == (seq, _message(seq).content)
    assert traced.tables() == ["messages", "thread_log"]
    assert await traced.tombstones() < MAX_TOMBSTONES


async def test_tombstones_would_be_seen(loaded: Settings, traced: TracedConnection) -> None:
    """The same page over rows with nulls in them reads more: the traces tell."""
    connection = await Connection.open(loaded)
    key = ThreadKey(KEY.learner, uid(1, 2))
    history = await CassandraHistory.of(connection, loaded)
    await history.put_messages(key, [_message(seq)._replace(thread_id=key.thread_id) for seq in range(1, 201)])
    await connection.close()
    found = await (await history_of(traced, loaded)).messages(key, 1, 200)
    assert len(found) == 200
    assert await traced.tombstones() >= MAX_TOMBSTONES
