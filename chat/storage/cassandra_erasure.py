"""The `LifeRows` in Cassandra: whole partitions of a generation that nobody writes to any more.

Deletes are dated a day ahead. Rows carry the broker's clock, this process has another; and what an owner that slept
writes late, with times of before, stays deleted. Nothing is ever to be written to these partitions again.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self

from chat.domain.model import LearnerId, ThreadKey, bucket_of
from chat.storage.erasure_store import ThreadMark
from chat.storage.rows import COMMAND_SHARDS
from chat.storage.session import Connection

PAGE = 500
"""Ids that are read together."""

AHEAD = 86_400_000_000
"""Microseconds by which a delete is dated ahead."""

UNSEEN_BUCKETS = 2
"""Buckets beyond a thread's last: a worker that died before its commit point left at most a trip's posts there."""

SIDE_BY_SIDE = 50
"""Partitions that are asked about, or deleted, at once."""

_LIFE = "tenant_id = ? AND learner_id = ? AND generation = ?"
_THREAD = f"{_LIFE} AND thread_id = ?"

_THREADS = f"SELECT CAST(thread_id AS text) FROM learner_threads WHERE {_LIFE}"
_LISTED = f"SELECT CAST(thread_id AS text) FROM threads WHERE {_LIFE}"
_MESSAGES = f"SELECT CAST(message_id AS text) FROM thread_log WHERE {_THREAD}"
_MARKS = f"SELECT CAST(thread_id AS text), user_id FROM read_marks WHERE {_LIFE}"
_COMMANDS = f"SELECT kind FROM commands WHERE {_LIFE} AND shard = ?"
_HEAD = f"SELECT DISTINCT last_seq, position FROM thread_log WHERE {_THREAD}"

_COUNT_LOG = f"SELECT COUNT(*) FROM thread_log WHERE {_THREAD}"
_COUNT_BUCKET = f"SELECT COUNT(*) FROM messages WHERE {_THREAD} AND bucket = ?"
_COUNT_LISTED = f"SELECT COUNT(*) FROM threads WHERE {_LIFE}"
_COUNT_MARKS = f"SELECT COUNT(*) FROM read_marks WHERE {_LIFE}"

_END_LOG = f"DELETE FROM thread_log USING TIMESTAMP ? WHERE {_THREAD}"
_END_BUCKET = f"DELETE FROM messages USING TIMESTAMP ? WHERE {_THREAD} AND bucket = ?"
_END_LISTED = f"DELETE FROM threads USING TIMESTAMP ? WHERE {_LIFE}"
_END_MARKS = f"DELETE FROM read_marks USING TIMESTAMP ? WHERE {_LIFE}"
_END_COMMANDS = f"DELETE FROM commands USING TIMESTAMP ? WHERE {_LIFE} AND shard = ?"
_END_THREADS = f"DELETE FROM learner_threads USING TIMESTAMP ? WHERE {_LIFE}"
_DISOWN = """UPDATE thread_owners SET learner_id = '', generation = 0 WHERE tenant_id = ? AND thread_id = ?
    IF learner_id = ? AND generation = ?"""

_PAGED = (_THREADS, _LISTED, _MESSAGES, _MARKS, _COMMANDS)
_PLAIN = (
    _HEAD,
    _COUNT_LOG,
    _COUNT_BUCKET,
    _COUNT_LISTED,
    _COUNT_MARKS,
    _END_LOG,
    _END_BUCKET,
    _END_LISTED,
    _END_MARKS,
    _END_COMMANDS,
    _END_THREADS,
)

Statements = Iterable[tuple[str, tuple[Any, ...]]]


class CassandraLifeRows:
    """The rows of lives on one connection."""

    def __init__(self, connection: Connection, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._prepared = prepared

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        wanted = (*_PAGED, *_PLAIN, _DISOWN)
        prepared = dict(zip(wanted, await asyncio.gather(*map(connection.prepare, wanted)), strict=True))
        for cql in (*_PAGED, *_PLAIN):
            prepared[cql].is_idempotent = True
        for cql in _PAGED:
            prepared[cql].fetch_size = PAGE
        return cls(connection, prepared)

    async def threads(self, learner: LearnerId) -> AsyncIterator[list[str]]:
        """The list of claims, and what is shown: keyspaces are older than the first."""
        seen: set[str] = set()
        for cql in (_THREADS, _LISTED):
            async for page in self._connection.pages(self._prepared[cql], learner):
                yield [row[0] for row in page if row[0] not in seen]
                seen.update(row[0] for row in page)

    async def messages(self, key: ThreadKey) -> AsyncIterator[list[str]]:
        async for page in self._connection.pages(self._prepared[_MESSAGES], _values(key)):
            yield [row[0] for row in page if row[0] is not None]  # a thread without any has one row, of statics

    async def marks(self, learner: LearnerId) -> AsyncIterator[list[ThreadMark]]:
        async for page in self._connection.pages(self._prepared[_MARKS], learner):
            yield [ThreadMark(*row) for row in page]

    async def commands(self, learner: LearnerId) -> int:
        """Page by page: a count of millions in one answer takes longer than an answer may."""
        statement, found = self._prepared[_COMMANDS], 0
        for shard in range(COMMAND_SHARDS):
            async for page in self._connection.pages(statement, (*learner, shard)):
                found += len(page)
        return found

    async def left(self, key: ThreadKey) -> int:
        buckets = [(_COUNT_BUCKET, (*_values(key), bucket)) for bucket in await self._buckets(key)]
        return await self._count([(_COUNT_LOG, _values(key)), *buckets])

    async def left_of(self, learner: LearnerId) -> int:
        return await self._count([(_COUNT_LISTED, learner), (_COUNT_MARKS, learner)]) + await self.commands(learner)

    async def purge_thread(self, key: ThreadKey) -> None:
        """The messages first: what the log says of their number leads to them."""
        at = _ahead()
        await self._run((_END_BUCKET, (at, *_values(key), bucket)) for bucket in await self._buckets(key))
        await self._run([(_END_LOG, (at, *_values(key)))])
        tenant_id, learner_id, generation = key.learner
        await self._run([(_DISOWN, (tenant_id, uuid.UUID(key.thread_id), learner_id, generation))])

    async def purge_learner(self, learner: LearnerId) -> None:
        at = _ahead()
        commands = [(_END_COMMANDS, (at, *learner, shard)) for shard in range(COMMAND_SHARDS)]
        await self._run([(_END_LISTED, (at, *learner)), (_END_MARKS, (at, *learner)), *commands])

    async def forget_threads(self, learner: LearnerId) -> None:
        await self._run([(_END_THREADS, (_ahead(), *learner))])

    async def _buckets(self, key: ThreadKey) -> range:
        rows = await self._connection.execute(self._prepared[_HEAD], _values(key))
        last_seq = (rows[0].last_seq if rows else None) or 1
        return range(bucket_of(last_seq) + 1 + UNSEEN_BUCKETS)

    async def _count(self, questions: Statements) -> int:
        return sum(rows[0][0] for rows in await self._run(questions))

    async def _run(self, statements: Statements) -> list[list[Any]]:
        waiting = [(self._prepared[cql], values) for cql, values in statements]
        answers: list[list[Any]] = []
        for start in range(0, len(waiting), SIDE_BY_SIDE):
            answers += await self._connection.execute_all(waiting[start : start + SIDE_BY_SIDE])
        return answers


def _values(key: ThreadKey) -> tuple[Any, ...]:
    return (*key.learner, uuid.UUID(key.thread_id))


def _ahead() -> int:
    return time.time_ns() // 1000 + AHEAD
