"""The history in a real Cassandra, with the rows that a worker would write, put in by plain CQL."""

import asyncio
import uuid
from collections.abc import Iterable
from typing import Any, Self

from chat.domain.model import Message, Status, ThreadKey, bucket_of
from chat.settings import Settings
from chat.storage.history import ShownThread
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.reads import HistoryReader
from chat.storage.sealing import Cells
from chat.storage.session import Connection

OWNER = "INSERT INTO thread_owners (tenant_id, thread_id, learner_id, generation) VALUES (?, ?, ?, ?) IF NOT EXISTS"
LOG = """INSERT INTO thread_log (tenant_id, learner_id, generation, thread_id, status, title, metadata, created_by,
    created_at, updated_at, last_seq, position, write_time, active_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
LISTED = """INSERT INTO threads (tenant_id, learner_id, generation, thread_id, title, metadata, created_by, created_at,
    updated_at, last_seq, last_activity_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
SEQ = """INSERT INTO thread_log (tenant_id, learner_id, generation, thread_id, message_id, seq)
    VALUES (?, ?, ?, ?, ?, ?)"""
MESSAGE = """INSERT INTO messages (tenant_id, learner_id, generation, thread_id, bucket, seq, message_id, sender_id,
    message_type, content, metadata, reply_to, created_at, updated_at, deleted_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
DELETED = """UPDATE thread_log SET status = ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND thread_id = ?"""
UNLISTED = "DELETE FROM threads WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ?"
EXPIRED = """DELETE FROM messages WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ?
    AND bucket = ? AND seq <= ?"""
MARK = """INSERT INTO read_marks (tenant_id, learner_id, generation, user_id, thread_id, seq)
    VALUES (?, ?, ?, ?, ?, ?)"""
WRITES = (MARK, OWNER, LOG, LISTED, SEQ, MESSAGE, DELETED, UNLISTED, EXPIRED)


class CassandraHistory(HistoryReader):
    """Reads as the service does; writes as `MemoryHistory` does."""

    _writes: dict[str, Any]
    _own_keys: LearnerKeys

    @classmethod
    async def of(cls, connection: Connection, settings: Settings) -> Self:
        """With one set of keys for reading and another for writing, as API and worker have."""
        tools = await KeyTools.open(connection, settings)
        history = await cls.open(connection, LearnerKeys(tools, writes=False))
        history._own_keys = LearnerKeys(tools, writes=True)
        prepared = await asyncio.gather(*map(connection.prepare, WRITES))
        history._writes = dict(zip(WRITES, prepared, strict=True))
        return history

    async def put_thread(self, key: ThreadKey, thread: ShownThread) -> None:
        """Makes a thread, or gives it another state."""
        details, cells = thread.details, await self._sealing(key)
        title, metadata = (cells.seal(getattr(details, name), name, key.thread_id) for name in ("title", "metadata"))
        told = (title, metadata, *details[2:], thread.last_seq)
        activity = thread.last_activity_at
        tenant_id, learner_id, generation = key.learner
        await self._write(OWNER, tenant_id, uuid.UUID(key.thread_id), learner_id, generation)
        await self._write(LOG, *_values(key), Status.LIVE, *told, 1, thread.version, activity)
        await self._write(LISTED, *_values(key), *told, activity)

    async def put_message(self, key: ThreadKey, message: Message) -> None:
        """Writes a message's row; it is seen once its thread's `last_seq` has come so far."""
        await self.put_messages(key, [message])

    async def put_messages(self, key: ThreadKey, messages: Iterable[Message]) -> None:
        """Many rows side by side."""
        cells = await self._sealing(key)
        rows = [(self._writes[MESSAGE], (*_values(key), *_row(message, cells))) for message in messages]
        seqs = [(self._writes[SEQ], (*row[1][:4], row[1][6], row[1][5])) for row in rows]
        await self._connection.execute_all(rows + seqs)

    async def put_mark(self, key: ThreadKey, user_id: str, seq: int) -> None:
        """Notes how far a user has read."""
        await self._write(MARK, *key.learner, user_id, uuid.UUID(key.thread_id), seq)

    async def expire(self, key: ThreadKey, seq: int) -> None:
        """Takes the messages 1 … `seq` away, as their time to live does."""
        for bucket in range(bucket_of(max(seq, 1)) + 1):
            await self._write(EXPIRED, *_values(key), bucket, seq)

    async def delete_thread(self, key: ThreadKey) -> None:
        """Deletes a thread; its id stays taken."""
        await self._write(DELETED, Status.DELETED, *_values(key))
        await self._write(UNLISTED, *_values(key))

    async def _sealing(self, key: ThreadKey) -> Cells:
        await self._own_keys.make([key.learner.learner])
        return self._own_keys.writable(key.learner)

    async def _write(self, cql: str, *values: Any) -> None:
        await self._connection.execute(self._writes[cql], values)


def _values(key: ThreadKey) -> tuple[Any, ...]:
    return (*key.learner, uuid.UUID(key.thread_id))


def _row(message: Message, cells: Cells) -> tuple[Any, ...]:
    place = message.thread_id, message.message_id
    return (
        bucket_of(message.seq),
        message.seq,
        uuid.UUID(message.message_id),
        message.sender_id,
        message.message_type,
        None if message.content is None else cells.seal(message.content, "content", *place),
        cells.seal(message.metadata, "metadata", *place),
        None if message.reply_to is None else uuid.UUID(message.reply_to),
        message.created_at,
        message.updated_at,
        message.deleted_at,
    )
