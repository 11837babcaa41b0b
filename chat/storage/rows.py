"""One row each, packed: what a write of each table is, with its write time. `cassandra/README.md` has the tables."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Self

from chat.domain.model import LearnerId, Message, Thread, ThreadKey, bucket_of
from chat.domain.verdict import Remembered
from chat.storage import wire
from chat.storage.sealing import Cells, plain
from chat.storage.session import Connection

_NOTHING = wire.blob(plain("{}"))
"""The cell of a message's metadata where there are none: sealed, its length would say the same, and cost 5 µs."""

COMMAND_SHARDS = 4
"""Partitions of `commands` a learner: a million commands make partitions of some 30 MB."""

KEPT = 16_384
"""Learners, and as many threads, whose packed keys are kept, the latest used: about as many as a worker's memory holds,
and some 16 MiB."""

_MESSAGE = """INSERT INTO messages (tenant_id, learner_id, generation, thread_id, bucket, seq, message_id, sender_id,
    message_type, content, metadata, reply_to, created_at, updated_at, deleted_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
_LOG_THREAD = """INSERT INTO thread_log (tenant_id, learner_id, generation, thread_id, status, title, metadata,
    created_by, created_at, updated_at, created_position, details_time)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_LOG_HEAD = """INSERT INTO thread_log (tenant_id, learner_id, generation, thread_id, last_seq, position, write_time,
    active_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_LOG_MESSAGE = """INSERT INTO thread_log (tenant_id, learner_id, generation, thread_id, message_id, seq)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_COMMAND = """INSERT INTO commands (tenant_id, learner_id, generation, shard, command_id, kind, digest, position,
    outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
_MARK = """INSERT INTO read_marks (tenant_id, learner_id, generation, user_id, thread_id, seq)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_UNLIST = """DELETE FROM threads USING TIMESTAMP ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND thread_id = ?"""
_HIDE = """DELETE FROM messages USING TIMESTAMP ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND thread_id = ? AND bucket = ? AND seq = ?"""
_PURGE_BUCKET = """DELETE FROM messages USING TIMESTAMP ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND thread_id = ? AND bucket = ?"""
_PURGE_IDS = """DELETE FROM thread_log USING TIMESTAMP ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND thread_id = ? AND message_id >= 00000000-0000-0000-0000-000000000000"""
_PURGE_MARK = """DELETE FROM read_marks USING TIMESTAMP ? WHERE tenant_id = ? AND learner_id = ? AND generation = ?
    AND user_id = ? AND thread_id = ?"""
_LIST_DETAILS = """INSERT INTO threads (tenant_id, learner_id, generation, thread_id, title, metadata, created_by,
    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_LIST_ACTIVITY = """INSERT INTO threads (tenant_id, learner_id, generation, thread_id, last_seq, last_activity_at)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_ALL = (
    _MESSAGE,
    _LOG_THREAD,
    _LOG_HEAD,
    _LOG_MESSAGE,
    _COMMAND,
    _MARK,
    _LIST_DETAILS,
    _LIST_ACTIVITY,
    _UNLIST,
    _HIDE,
    _PURGE_BUCKET,
    _PURGE_IDS,
    _PURGE_MARK,
)


CellsOf = Callable[[LearnerId], Cells]


class Row(NamedTuple):
    """A packed statement and the routing key of the partition that it writes."""

    partition: bytes
    packed: bytes


def command_shard(command_id: str) -> int:
    """Which partition of its learner's `commands` a command is remembered in."""
    return int(command_id[-1], 16) % COMMAND_SHARDS


class _Partition(NamedTuple):
    """A packed partition key, and its routing key."""

    packed: bytes
    routing: bytes

    def of(self, part: bytes) -> "_Partition":
        """The key that has one part more."""
        return _Partition(self.packed + part, self.routing + wire.routing_part(part))


@lru_cache(KEPT)
def _learner(learner: LearnerId) -> _Partition:
    parts = wire.text(learner.tenant_id), wire.text(learner.learner_id), wire.integer(learner.generation)
    return _Partition(b"".join(parts), b"".join(map(wire.routing_part, parts)))


@lru_cache(KEPT)
def _thread(key: ThreadKey) -> _Partition:
    return _learner(key.learner).of(wire.uuid(key.thread_id))


def _bucket(key: ThreadKey, bucket: int) -> _Partition:
    return _thread(key).of(wire.integer(bucket))


def _commands(learner: LearnerId, shard: int) -> _Partition:
    return _learner(learner).of(wire.tinyint(shard))


class Rows:
    """Packs rows with the heads of statements prepared on one connection; `cells` are those of a learner's life."""

    def __init__(self, heads: dict[str, bytes], cells: CellsOf) -> None:
        self._heads = heads
        self._cells = cells

    @classmethod
    async def open(cls, connection: Connection, cells: CellsOf) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        prepared = await asyncio.gather(*map(connection.prepare, _ALL))
        rows = cls({cql: wire.head(one, cql.count("?")) for cql, one in zip(_ALL, prepared, strict=True)}, cells)
        rows._prepared = prepared
        return rows

    _prepared: list[object]

    def message(self, key: ThreadKey, message: Message, write_time: int, ttl: int) -> Row:
        """A message's whole row; `write_time` in microseconds, `ttl` in seconds (positive)."""
        partition = _bucket(key, bucket_of(message.seq))
        seal, message_id = self._cells(key.learner).seal, message.message_id
        packed = b"".join(
            (
                self._heads[_MESSAGE],
                partition.packed,
                wire.bigint(message.seq),
                wire.uuid(message_id),
                wire.text(message.sender_id),
                wire.text(message.message_type),
                wire.EMPTY
                if message.content is None
                else wire.blob(seal(message.content, "content", key.thread_id, message_id)),
                _NOTHING
                if message.metadata == "{}"
                else wire.blob(seal(message.metadata, "metadata", key.thread_id, message_id)),
                wire.EMPTY if message.reply_to is None else wire.uuid(message.reply_to),
                wire.bigints(message.created_at, message.updated_at),
                wire.EMPTY if message.deleted_at is None else wire.bigint(message.deleted_at),
                wire.bigint(write_time),
                wire.integer(ttl),
            )
        )
        return Row(partition.routing, packed)

    def log_message(self, key: ThreadKey, message: Message, write_time: int) -> Row:
        """That a message_id of a thread has a seq."""
        values = wire.uuid(message.message_id) + wire.bigints(message.seq, write_time)
        return self._row(_LOG_MESSAGE, _thread(key), values)

    def log_head(self, key: ThreadKey, thread: Thread) -> Row:
        """How far a thread has come: the commit point."""
        values = (thread.last_seq, thread.position, thread.write_time, thread.active_at, thread.write_time)
        return self._row(_LOG_HEAD, _thread(key), wire.bigints(*values))

    def log_thread(self, key: ThreadKey, thread: Thread) -> Row:
        """What a thread is."""
        values = (
            wire.tinyint(thread.status),
            *self._details(key, thread),
            wire.bigints(thread.created_position, thread.details_time, thread.details_time),
        )
        return self._row(_LOG_THREAD, _thread(key), *values)

    def command(self, learner: LearnerId, command_id: str, remembered: Remembered, write_time: int, ttl: int) -> Row:
        """That a command took effect; `ttl` in seconds, 0 for ever."""
        outcome = remembered.outcome
        values = (
            wire.uuid(command_id),
            wire.tinyint(remembered.kind),
            wire.blob(remembered.digest),
            wire.bigint(remembered.position),
            wire.blob(self._cells(learner).seal(outcome, "outcome", "", command_id)) if outcome else wire.EMPTY,
            wire.bigint(write_time),
            wire.integer(ttl),
        )
        return self._row(_COMMAND, _commands(learner, command_shard(command_id)), *values)

    def mark(self, key: ThreadKey, user_id: str, seq: int, write_time: int) -> Row:
        """How far a user has read a thread."""
        values = (wire.text(user_id), wire.uuid(key.thread_id), wire.bigints(seq, write_time))
        return self._row(_MARK, _learner(key.learner), *values)

    def unlist(self, key: ThreadKey, write_time: int) -> Row:
        """That a thread is no longer listed."""
        return self._gone(_UNLIST, write_time, _learner(key.learner), wire.uuid(key.thread_id))

    def hide(self, key: ThreadKey, seq: int, write_time: int) -> Row:
        """The end of one message, whose id stays taken."""
        return self._gone(_HIDE, write_time, _bucket(key, bucket_of(seq)), wire.bigint(seq))

    def purge_bucket(self, key: ThreadKey, bucket: int, write_time: int) -> Row:
        """The end of one bucket of a thread's messages."""
        return self._gone(_PURGE_BUCKET, write_time, _bucket(key, bucket))

    def purge_ids(self, key: ThreadKey, write_time: int) -> Row:
        """The end of a thread's message ids; its state stays."""
        return self._gone(_PURGE_IDS, write_time, _thread(key))

    def purge_mark(self, key: ThreadKey, user_id: str, write_time: int) -> Row:
        """The end of a user's mark."""
        rest = wire.text(user_id) + wire.uuid(key.thread_id)
        return self._gone(_PURGE_MARK, write_time, _learner(key.learner), rest)

    def _row(self, cql: str, partition: _Partition, *values: bytes) -> Row:
        return Row(partition.routing, b"".join((self._heads[cql], partition.packed, *values)))

    def _gone(self, cql: str, write_time: int, partition: _Partition, rest: bytes = b"") -> Row:
        return Row(partition.routing, self._heads[cql] + wire.bigint(write_time) + partition.packed + rest)

    def list_details(self, key: ThreadKey, thread: Thread) -> Row:
        """A thread's details, as its learner's list shows them."""
        values = (wire.uuid(key.thread_id), *self._details(key, thread), wire.bigint(thread.details_time))
        return self._row(_LIST_DETAILS, _learner(key.learner), *values)

    def list_activity(self, key: ThreadKey, thread: Thread) -> Row:
        """A thread's activity, as its learner's list shows it."""
        values = wire.uuid(key.thread_id) + wire.bigints(thread.last_seq, thread.active_at, thread.write_time)
        return self._row(_LIST_ACTIVITY, _learner(key.learner), values)

    def _details(self, key: ThreadKey, thread: Thread) -> tuple[bytes, ...]:
        seal, details = self._cells(key.learner).seal, thread.details
        return (
            wire.blob(seal(details.title, "title", key.thread_id)),
            wire.blob(seal(details.metadata, "metadata", key.thread_id)),
            wire.text(details.created_by),
            wire.bigints(details.created_at, details.updated_at),
        )
