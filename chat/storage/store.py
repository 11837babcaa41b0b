"""What the worker reads and writes: threads' states, what is remembered of commands, and the rows of a chunk.

`Store` is the seam between the way of a command and Cassandra; `chat.storage.memory` holds the one that lives in a
process's memory, and one test suite is run against both.
"""

import asyncio
import datetime as dt
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from chat.domain.apply import Remembered
from chat.domain.model import Details, LearnerId, Message, Status, Thread, ThreadKey
from chat.storage.batches import Batcher
from chat.storage.rows import COMMAND_SHARDS, Row, Rows, command_shard
from chat.storage.sealing import unseal
from chat.storage.session import Connection

ID_LIMIT = 2_000
"""Ids of a thread or learner that are read into memory on first touch; where there are more, each is looked up."""

IN_LIMIT = 100
"""Ids asked for in one query."""


class Ids(NamedTuple):
    """Ids that are taken; `complete` where there are no others."""

    taken: frozenset[str]
    complete: bool


class LoadedThread(NamedTuple):
    """A thread as it is stored: None where there is none; `messages` are its message ids."""

    thread: Thread | None
    messages: Ids


class CommandWrite(NamedTuple):
    """That a command took effect, written at its thread's `write_time` (microseconds)."""

    learner: LearnerId
    command_id: str
    remembered: Remembered
    write_time: int


class MessageWrite(NamedTuple):
    """A message with its `write_time` (microseconds)."""

    key: ThreadKey
    message: Message
    write_time: int


class ThreadWrite(NamedTuple):
    """A thread's new state and the messages that brought it there; `details` where those changed too."""

    key: ThreadKey
    thread: Thread
    messages: list[MessageWrite]
    details: bool


class Store(Protocol):
    """Every method raises `StorageUnavailable` when the store does not answer, and may then be called again."""

    async def load_threads(self, keys: Collection[ThreadKey]) -> dict[ThreadKey, LoadedThread]:
        """Each thread's state."""
        ...

    async def load_commands(self, learners: Collection[LearnerId]) -> dict[LearnerId, Ids]:
        """The command ids of each learner that are remembered."""
        ...

    async def find_commands(
        self, wanted: Mapping[LearnerId, Collection[str]]
    ) -> dict[tuple[LearnerId, str], Remembered]:
        """What is remembered of these commands; nothing where nothing is."""
        ...

    async def find_messages(self, wanted: Mapping[ThreadKey, Collection[str]]) -> dict[tuple[ThreadKey, str], int]:
        """The seq of these messages; nothing where there is none."""
        ...

    async def claim(self, key: ThreadKey) -> bool:
        """Takes a thread id in its tenant, once and for all: True where it is this learner's now or was before."""
        ...

    async def write_messages(self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite]) -> None:
        """Writes what nobody sees yet: rows beyond `last_seq`, and commands whose thread has not come so far."""
        ...

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        """The commit point: each thread's state and its message ids, in one batch of one partition."""
        ...

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        """Shows the threads' new states in their learners' lists."""
        ...


_SELECT_THREAD = f"""SELECT message_id, status, title, metadata, created_by, created_at, updated_at, created_position,
    details_time, last_seq, position, write_time FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? LIMIT {ID_LIMIT + 1}"""
_SELECT_COMMAND_IDS = f"""SELECT command_id FROM commands
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND shard IN ? LIMIT {ID_LIMIT + 1}"""
_SELECT_COMMANDS = """SELECT command_id, kind, digest, position FROM commands
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND shard = ? AND command_id IN ?"""
_SELECT_SEQS = """SELECT message_id, seq FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND message_id IN ?"""
_CLAIM = """INSERT INTO thread_owners (tenant_id, thread_id, learner_id, generation) VALUES (?, ?, ?, ?)
    IF NOT EXISTS"""
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the driver's datetimes are naive UTC
_SHARDS = list(range(COMMAND_SHARDS))
_READS = (_SELECT_THREAD, _SELECT_COMMAND_IDS, _SELECT_COMMANDS, _SELECT_SEQS, _CLAIM)


class CassandraStore:
    """The `Store` in Cassandra. A message's cells expire `retention` seconds after its creation."""

    def __init__(self, connection: Connection, rows: Rows, reads: dict[str, Any], retention: int) -> None:
        self._connection = connection
        self._rows = rows
        self._reads = reads
        self._batcher = Batcher(connection)
        self._retention = retention

    @classmethod
    async def open(cls, connection: Connection, retention: int) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        rows = await Rows.open(connection)
        prepared = await asyncio.gather(*map(connection.prepare, _READS))
        for one in prepared:
            one.is_idempotent = True
        return cls(connection, rows, dict(zip(_READS, prepared, strict=True)), retention)

    async def load_threads(self, keys: Collection[ThreadKey]) -> dict[ThreadKey, LoadedThread]:
        statement = self._reads[_SELECT_THREAD]
        answers = await self._connection.execute_all((statement, _thread_values(key)) for key in keys)
        return {key: _loaded(key, rows) for key, rows in zip(keys, answers, strict=True)}

    async def load_commands(self, learners: Collection[LearnerId]) -> dict[LearnerId, Ids]:
        statement = self._reads[_SELECT_COMMAND_IDS]
        answers = await self._connection.execute_all((statement, (*learner, _SHARDS)) for learner in learners)
        return {
            learner: _ids(str(row.command_id) for row in rows) for learner, rows in zip(learners, answers, strict=True)
        }

    async def find_commands(
        self, wanted: Mapping[LearnerId, Collection[str]]
    ) -> dict[tuple[LearnerId, str], Remembered]:
        questions = [
            (learner, shard, ids)
            for learner, command_ids in wanted.items()
            for shard, in_shard in _by_shard(command_ids).items()
            for ids in _chunks(in_shard)
        ]
        statement = self._reads[_SELECT_COMMANDS]
        answers = await self._connection.execute_all(
            (statement, (*learner, shard, _uuids(ids))) for learner, shard, ids in questions
        )
        return {
            (learner, str(row.command_id)): Remembered(row.kind, row.digest, row.position)
            for (learner, _, _), rows in zip(questions, answers, strict=True)
            for row in rows
        }

    async def find_messages(self, wanted: Mapping[ThreadKey, Collection[str]]) -> dict[tuple[ThreadKey, str], int]:
        questions = [(key, ids) for key, message_ids in wanted.items() for ids in _chunks(message_ids)]
        statement = self._reads[_SELECT_SEQS]
        answers = await self._connection.execute_all(
            (statement, (*_thread_values(key), _uuids(ids))) for key, ids in questions
        )
        return {
            (key, str(row.message_id)): row.seq
            for (key, _), rows in zip(questions, answers, strict=True)
            for row in rows
        }

    async def claim(self, key: ThreadKey) -> bool:
        learner = key.learner
        values = (learner.tenant_id, uuid.UUID(key.thread_id), learner.learner_id, learner.generation)
        row = (await self._connection.execute(self._reads[_CLAIM], values))[0]
        return bool(row.applied) or (row.learner_id, row.generation) == (learner.learner_id, learner.generation)

    async def write_messages(self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite]) -> None:
        now = int(time.time())
        rows = [
            self._rows.message(one.key, one.message, one.write_time, ttl)
            for one in messages
            if (ttl := one.message.created_at // 1000 + self._retention - now) > 0
        ]
        rows += [self._rows.command(*one) for one in commands]
        await self._write(rows)

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        rows: list[Row] = []
        for one in threads:
            rows += [self._rows.log_message(*message) for message in one.messages]
            if one.details:
                rows.append(self._rows.log_thread(one.key, one.thread))
            rows.append(self._rows.log_head(one.key, one.thread))
        await self._write(rows)

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        rows = [self._rows.list_activity(one.key, one.thread) for one in threads]
        rows += [self._rows.list_details(one.key, one.thread) for one in threads if one.details]
        await self._write(rows)

    async def _write(self, rows: Iterable[Row]) -> None:
        await self._connection.execute_all((batch, None) for batch in self._batcher.batches(rows))


def _thread_values(key: ThreadKey) -> tuple[Any, ...]:
    return (*key.learner, uuid.UUID(key.thread_id))


def _uuids(ids: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(one) for one in ids]


def _ids(taken: Iterable[str]) -> Ids:
    ids = frozenset(taken)
    return Ids(ids, len(ids) <= ID_LIMIT)


def _by_shard(command_ids: Iterable[str]) -> dict[int, list[str]]:
    shards: defaultdict[int, list[str]] = defaultdict(list)
    for command_id in command_ids:
        shards[command_shard(command_id)].append(command_id)
    return shards


def _chunks(ids: Collection[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[start : start + IN_LIMIT] for start in range(0, len(listed), IN_LIMIT)]


def _loaded(key: ThreadKey, rows: Sequence[Any]) -> LoadedThread:
    messages = _ids(str(row.message_id) for row in rows if row.message_id is not None)
    if not rows or rows[0].position is None:
        return LoadedThread(None, messages)
    return LoadedThread(_thread(key, rows[0]), messages)


def _thread(key: ThreadKey, row: Any) -> Thread:
    details = Details(unseal(row.title), unseal(row.metadata), row.created_by, _ms(row.created_at), _ms(row.updated_at))
    status = Status(row.status)
    return Thread(
        key.thread_id,
        details,
        status,
        row.last_seq,
        row.position,
        row.created_position,
        row.details_time,
        row.write_time,
    )


def _ms(moment: Any) -> int:
    """Milliseconds of a driver's naive UTC datetime."""
    since: dt.timedelta = moment - _EPOCH
    return since // dt.timedelta(milliseconds=1)
