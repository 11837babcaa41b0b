"""What an export asks of Cassandra: all of a learner's rows, page by page along the clustering keys, never by time."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

from chat.domain.model import LearnerId, Message, Status, ThreadKey, bucket_of
from chat.errors import KeyStoreUnavailable
from chat.storage.history import ShownThread
from chat.storage.learner_keys import Held, LearnerKeys
from chat.storage.reads import details_of, message_of
from chat.storage.sealing import Cells
from chat.storage.session import Connection

PAGE = 500
"""Rows of one answer, at most."""

_LEARNER = "tenant_id = ? AND learner_id = ? AND generation = ?"
_THREAD = f"{_LEARNER} AND thread_id = ?"
_COLUMNS = """CAST(thread_id AS text), last_seq, to_unix_timestamp(last_activity_at), title, metadata, created_by,
    to_unix_timestamp(created_at), to_unix_timestamp(updated_at)"""
_THREADS = f"SELECT {_COLUMNS} FROM threads WHERE {_LEARNER} LIMIT {PAGE}"
_THREADS_AFTER = f"SELECT {_COLUMNS} FROM threads WHERE {_THREAD[:-3]}> ? LIMIT {PAGE}"
_HEAD = f"SELECT DISTINCT status, last_seq FROM thread_log WHERE {_THREAD}"
MESSAGES = f"""SELECT seq, CAST(message_id AS text), sender_id, message_type, content, metadata,
    CAST(reply_to AS text), to_unix_timestamp(created_at), to_unix_timestamp(updated_at), to_unix_timestamp(deleted_at)
    FROM messages WHERE {_THREAD} AND bucket = ? AND seq >= ? AND seq <= ? ORDER BY seq ASC"""
_MARKS = f"SELECT user_id, CAST(thread_id AS text), seq FROM read_marks WHERE {_LEARNER} LIMIT {PAGE}"
_MARKS_AFTER = f"""SELECT user_id, CAST(thread_id AS text), seq FROM read_marks
    WHERE {_LEARNER} AND (user_id, thread_id) > (?, ?) LIMIT {PAGE}"""
_ALL = (_THREADS, _THREADS_AFTER, _HEAD, MESSAGES, _MARKS, _MARKS_AFTER)


class ReadMark(NamedTuple):
    """How far a user has read a thread."""

    user_id: str
    thread_id: str
    seq: int


class ExportReads(Protocol):
    """Every method raises `StorageUnavailable` when the store does not answer, and `KeyStoreUnavailable` where the
    learner's cells cannot be opened now: the key cannot be had, or the life is over.
    """

    async def threads(self, learner: LearnerId, after: str | None) -> Sequence[ShownThread]:
        """The next threads in the order of their ids, as the store has it; none at the end."""
        ...

    async def last_seq(self, key: ThreadKey) -> int | None:
        """How far a thread has come; rows beyond it are not committed. None for a deleted one."""
        ...

    async def messages(self, key: ThreadKey, first: int, last: int) -> Sequence[Message]:
        """The messages `first` … `last`, all of one bucket, oldest first; those that expired are left out."""
        ...

    async def marks(self, learner: LearnerId, after: ReadMark | None) -> Sequence[ReadMark]:
        """The next marks by user, then thread; none at the end."""
        ...


class ExportReader:
    """The `ExportReads` in Cassandra, of any learner.

    Each answer is opened with the key as `LearnerKeys` has it then: an export of hours holds none for longer.
    """

    def __init__(self, connection: Connection, keys: LearnerKeys, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._keys = keys
        self._prepared = prepared

    @classmethod
    async def open(cls, connection: Connection, keys: LearnerKeys) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        prepared = await asyncio.gather(*map(connection.prepare, _ALL))
        for statement in prepared:
            statement.is_idempotent = True
            statement.fetch_size = None  # every answer is bounded by its statement
        return cls(connection, keys, dict(zip(_ALL, prepared, strict=True)))

    async def threads(self, learner: LearnerId, after: str | None) -> list[ShownThread]:
        rows = (
            await self._ask(_THREADS, *learner)
            if after is None
            else await self._ask(_THREADS_AFTER, *learner, uuid.UUID(after))
        )
        cells = await self._cells(learner)
        return [
            ShownThread(thread_id, details_of(cells, thread_id, *details), last_seq or 0, active_at)
            for thread_id, last_seq, active_at, *details in rows
        ]

    async def last_seq(self, key: ThreadKey) -> int | None:
        for status, last_seq in await self._ask(_HEAD, *key.learner, uuid.UUID(key.thread_id)):
            if status == Status.LIVE:
                return int(last_seq)
        return None

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        thread = (*key.learner, uuid.UUID(key.thread_id))
        rows = await self._ask(MESSAGES, *thread, bucket_of(first), first, last)
        cells = await self._cells(key.learner)
        return [message_of(cells, key.thread_id, *row) for row in rows]

    async def marks(self, learner: LearnerId, after: ReadMark | None) -> list[ReadMark]:
        rows = (
            await self._ask(_MARKS, *learner)
            if after is None
            else await self._ask(_MARKS_AFTER, *learner, after.user_id, uuid.UUID(after.thread_id))
        )
        return [ReadMark(*row) for row in rows]

    async def _ask(self, cql: str, *values: Any) -> list[Any]:
        return await self._connection.execute(self._prepared[cql], values)

    async def _cells(self, learner: LearnerId) -> Cells:
        """Asked for behind the rows; where no key was known it is looked up again, as the first may just be made."""
        held = await self._held(learner)
        if not held.cells.has_key:
            self._keys.forget(learner.learner)
            held = await self._held(learner)
        if not held.life.is_of(learner):
            raise KeyStoreUnavailable("the learner's life is over")
        return held.cells

    async def _held(self, learner: LearnerId) -> Held:
        return (await self._keys.find([learner.learner]))[learner.learner]
