"""The `Store` in Cassandra."""

import asyncio
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from chat.domain.commands import CreateThread, PostMessage
from chat.domain.model import Details, Learner, LearnerId, Life, Message, Status, Thread, ThreadKey, bucket_of
from chat.domain.verdict import Remembered
from chat.storage.batches import Batcher
from chat.storage.learner_keys import LearnerKeys
from chat.storage.rows import COMMAND_SHARDS, Row, Rows, command_shard
from chat.storage.sealing import Cells
from chat.storage.server_clock import ServerClock
from chat.storage.session import Connection
from chat.storage.store import (
    FEW_IDS,
    IN_LIMIT,
    MANY_IDS,
    REMEMBERED_SECONDS,
    Gone,
    Ids,
    LoadedThread,
    MarkKey,
    MessageKey,
    Retention,
)
from chat.storage.writes import CommandWrite, EventKeys, MarkWrite, MessageWrite, ThreadWrite

K = TypeVar("K")
V = TypeVar("V")

_SELECT_THREAD = """SELECT CAST(message_id AS text) AS message_id, status, title, metadata, created_by, created_at,
    updated_at, created_position, details_time, last_seq, position, write_time, active_at FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? LIMIT ?"""
_SELECT_STATUS = """SELECT status FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? LIMIT 1"""
_SELECT_COMMAND_IDS = """SELECT CAST(command_id AS text) FROM commands
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND shard IN ? LIMIT ?"""
_SELECT_COMMANDS = """SELECT command_id, kind, digest, position, outcome FROM commands
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND shard = ? AND command_id IN ?"""
_SELECT_SEQS = """SELECT message_id, seq FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND message_id IN ?"""
_SELECT_MESSAGE = """SELECT message_id, seq, sender_id, content, message_type, reply_to, metadata, created_at,
    updated_at, deleted_at FROM messages
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND bucket = ? AND seq = ?"""
_SELECT_MARK = """SELECT seq FROM read_marks
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND user_id = ? AND thread_id = ?"""
# From the nil id on: every id, and not the row of statics that a thread without any has.
_SELECT_IDS = """SELECT CAST(message_id AS text) FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ?
    AND message_id >= 00000000-0000-0000-0000-000000000000 LIMIT ?"""
_SELECT_IDS_AFTER = f"""SELECT CAST(message_id AS text) FROM thread_log
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND message_id > ?
    LIMIT {MANY_IDS}"""
_SELECT_READERS = """SELECT user_id, thread_id FROM read_marks
    WHERE tenant_id = ? AND learner_id = ? AND generation = ?"""
_CLAIM = """INSERT INTO thread_owners (tenant_id, thread_id, learner_id, generation) VALUES (?, ?, ?, ?)
    IF NOT EXISTS"""
# It always says the same, so its time is always the same: written again it changes nothing, and any delete beats it.
_LIST_CLAIM = """INSERT INTO learner_threads (tenant_id, learner_id, generation, thread_id) VALUES (?, ?, ?, ?)
    USING TIMESTAMP 1"""
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the driver's datetimes are naive UTC
_SHARDS = list(range(COMMAND_SHARDS))
_READS = (
    _SELECT_THREAD,
    _SELECT_STATUS,
    _SELECT_COMMAND_IDS,
    _SELECT_COMMANDS,
    _SELECT_SEQS,
    _SELECT_MESSAGE,
    _SELECT_MARK,
    _SELECT_IDS,
    _SELECT_IDS_AFTER,
    _SELECT_READERS,
    _LIST_CLAIM,
    _CLAIM,
)
ROWS_AT_ONCE = 8_192
"""Of threads that are loaded: each row of an answer has the thread's title and metadata with it, 9 KB at most."""

IDS_AT_ONCE = 65_536
"""Of ids that are loaded by themselves."""

_FOR_EVER = frozenset({CreateThread.kind, PostMessage.kind})


class CassandraStore:
    """The `Store` in Cassandra. A message's cells expire `retention` seconds of its tenant after its creation."""

    def __init__(
        self,
        connection: Connection,
        keys: LearnerKeys,
        rows: Rows,
        reads: dict[str, Any],
        retention: Retention,
        *,
        clock: ServerClock,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._rows = rows
        self._reads = reads
        self._batcher = Batcher(connection)
        self._retention = retention
        self._clock = clock

    @classmethod
    async def open(cls, connection: Connection, keys: LearnerKeys, retention: Retention) -> Self:
        """Prepares every statement; `keys` must be such as write. Raises `StorageUnavailable`."""
        rows = await Rows.open(connection, keys.writable)
        prepared = await asyncio.gather(*map(connection.prepare, _READS))
        for cql, one in zip(_READS, prepared, strict=True):
            one.is_idempotent = cql != _CLAIM  # a transaction that is asked for twice keeps itself from its end
        clock = ServerClock(connection)
        return cls(connection, keys, rows, dict(zip(_READS, prepared, strict=True)), retention, clock=clock)

    async def load_lives(self, learners: Collection[Learner]) -> dict[Learner, Life]:
        return {learner: held.life for learner, held in (await self._keys.find(learners)).items()}

    def forget_life(self, learner: Learner) -> None:
        self._keys.forget(learner)

    def forget_lives(self) -> None:
        self._keys.forget_all()

    async def load_threads(self, keys: Collection[ThreadKey], ids: int = FEW_IDS) -> dict[ThreadKey, LoadedThread]:
        return await _by_parts(self._load_threads, keys, ids, ROWS_AT_ONCE)

    async def _load_threads(self, keys: Sequence[ThreadKey], ids: int) -> dict[ThreadKey, LoadedThread]:
        statement = self._reads[_SELECT_THREAD]
        answers = await self._connection.execute_all((statement, (*_thread_values(key), ids + 1)) for key in keys)
        opening = await self._opening(key.learner for key in keys)
        return {key: _loaded(key, rows, opening[key.learner], ids) for key, rows in zip(keys, answers, strict=True)}

    async def load_messages(self, keys: Collection[ThreadKey], ids: int = MANY_IDS) -> dict[ThreadKey, Ids]:
        return await _by_parts(self._load_messages, keys, ids, IDS_AT_ONCE)

    async def _load_messages(self, keys: Sequence[ThreadKey], ids: int) -> dict[ThreadKey, Ids]:
        return await self._load_ids(_SELECT_IDS, {key: _thread_values(key) for key in keys}, ids)

    async def _load_ids(self, cql: str, places: Mapping[K, tuple[Any, ...]], ids: int) -> dict[K, Ids]:
        statement = self._reads[cql]
        answers = await self._connection.execute_all((statement, (*place, ids + 1)) for place in places.values())
        return {one: Ids.found((found for (found,) in rows), ids) for one, rows in zip(places, answers, strict=True)}

    async def gone(self, keys: Collection[ThreadKey]) -> Gone:
        learners = {key.learner.learner for key in keys}
        for learner in learners:
            self.forget_life(learner)
        lives = await self.load_lives(learners)
        living = [key for key in keys if lives[key.learner.learner].is_of(key.learner)]
        statement = self._reads[_SELECT_STATUS]
        answers = await self._connection.execute_all((statement, _thread_values(key)) for key in living)
        statuses = {key: rows[0].status for key, rows in zip(living, answers, strict=True) if rows}
        deleted = {key for key, status in statuses.items() if status == Status.DELETED.value}
        return Gone(deleted, {*keys} - {*living})

    async def load_commands(self, learners: Collection[LearnerId], ids: int = FEW_IDS) -> dict[LearnerId, Ids]:
        return await _by_parts(self._load_commands, learners, ids, IDS_AT_ONCE)

    async def _load_commands(self, learners: Sequence[LearnerId], ids: int) -> dict[LearnerId, Ids]:
        return await self._load_ids(_SELECT_COMMAND_IDS, {one: (*one, _SHARDS) for one in learners}, ids)

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
        opening = await self._opening(wanted)
        return {
            (learner, str(row.command_id)): _remembered(row, opening[learner])
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
        await self._connection.execute(self._reads[_LIST_CLAIM], _thread_values(key))
        values = (learner.tenant_id, uuid.UUID(key.thread_id), learner.learner_id, learner.generation)
        row = (await self._connection.execute(self._reads[_CLAIM], values))[0]
        return bool(row.applied) or (row.learner_id, row.generation) == (learner.learner_id, learner.generation)

    async def read_messages(self, wanted: Collection[MessageKey]) -> dict[MessageKey, Message]:
        statement = self._reads[_SELECT_MESSAGE]
        answers = await self._connection.execute_all(
            (statement, (*_thread_values(key), bucket_of(seq), seq)) for key, seq in wanted
        )
        opening = await self._opening(key.learner for key, _ in wanted)
        return {
            one: _message(one[0], rows[0], opening[one[0].learner])
            for one, rows in zip(wanted, answers, strict=True)
            if rows
        }

    async def read_marks(self, wanted: Collection[MarkKey]) -> dict[MarkKey, int]:
        statement = self._reads[_SELECT_MARK]
        answers = await self._connection.execute_all(
            (statement, (*key.learner, user_id, uuid.UUID(key.thread_id))) for key, user_id in wanted
        )
        return {one: rows[0].seq for one, rows in zip(wanted, answers, strict=True) if rows}

    async def write_messages(
        self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite], marks: Sequence[MarkWrite] = ()
    ) -> None:
        now = int(await self._clock.now())
        await self._hold({*(one.key.learner for one in messages), *(one.learner for one in commands)})
        rows = [row for one in messages for row in self._message_rows(one, now)]
        rows += [
            self._rows.command(one.learner, one.command_id, one.remembered, one.write_time, ttl)
            for one in commands
            if (ttl := _remembered_for(one, now)) >= 0
        ]
        await self._write([*rows, *(self._rows.mark(*one) for one in marks)])

    def _message_rows(self, one: MessageWrite, now: int) -> Iterator[Row]:
        """One row; none of a new message that should be gone already.

        A row lives for as long as counted when it was written. Where that was longer than it is now, a change of a
        message that should be gone ends the row, which would else go on showing what it was before.
        """
        message = one.message
        ttl = self._retention(one.key.learner.tenant_id) + message.created_at // 1000 - now
        if ttl > 0:
            yield self._rows.message(one.key, message, one.write_time, ttl)
        elif message.deleted_at is not None or message.updated_at != message.created_at:
            yield self._rows.hide(one.key, message.seq, one.write_time)

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        await self._hold({one.key.learner for one in threads if one.details})
        rows: list[Row] = []
        for one in threads:
            rows += [self._rows.log_message(one.key, new.message, new.write_time) for new in one.messages]
            if one.details:
                rows.append(self._rows.log_thread(one.key, one.thread))
            rows.append(self._rows.log_head(one.key, one.thread))
        await self._write(rows)

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        await self._hold({one.key.learner for one in threads if one.details})
        rows: list[Row] = []
        for one in threads:
            if one.thread.status is Status.DELETED:
                rows.append(self._rows.unlist(one.key, one.thread.write_time))
                continue
            rows.append(self._rows.list_activity(one.key, one.thread))
            if one.details:
                rows.append(self._rows.list_details(one.key, one.thread))
        await self._write(rows)

    async def event_keys(self, key: ThreadKey) -> AsyncIterator[EventKeys]:
        readers = await self._connection.execute_paged(self._reads[_SELECT_READERS], key.learner)
        yield EventKeys([], [one.user_id for one in readers if str(one.thread_id) == key.thread_id])
        rows = await self._connection.execute(self._reads[_SELECT_IDS], (*_thread_values(key), MANY_IDS))
        while rows:
            named = [message_id for (message_id,) in rows]
            yield EventKeys(named, [])
            after = (*_thread_values(key), uuid.UUID(named[-1]))
            rows = await self._connection.execute(self._reads[_SELECT_IDS_AFTER], after)

    async def purge(self, key: ThreadKey, thread: Thread, users: Sequence[str]) -> None:
        buckets = range(bucket_of(thread.last_seq) + 1 if thread.last_seq else 0)
        rows = [self._rows.purge_bucket(key, bucket, thread.write_time) for bucket in buckets]
        rows += [self._rows.purge_mark(key, user_id, thread.write_time) for user_id in users]
        await self._write(rows)
        await self._write([self._rows.purge_ids(key, thread.write_time)])

    async def _opening(self, learners: Iterable[LearnerId]) -> dict[LearnerId, Cells]:
        """What opens the cells of these lives. Raises `KeyStoreUnavailable` where one is over by now."""
        lives = set(learners)
        held = await self._keys.find({one.learner for one in lives})
        return {one: held[one.learner].readable(one) for one in lives}

    async def _hold(self, learners: Iterable[LearnerId]) -> None:
        """Returns when these lives have keys to seal with: made now, where nothing was ever sealed.

        They are at hand until the caller waits for anything else: a key may be forgotten at any moment.
        """
        await self._keys.make({one.learner for one in learners})

    async def _write(self, rows: Iterable[Row]) -> None:
        await self._connection.execute_all((batch, None) for batch in self._batcher.batches(rows))


async def _by_parts(
    load: Callable[[Sequence[K], int], Awaitable[dict[K, V]]], every: Collection[K], ids: int, rows: int
) -> dict[K, V]:
    """What `load` gives for each, asked for so many at a time that no more than `rows` come at once."""
    wanted: list[K] = list(every)
    loaded: dict[K, V] = {}
    some = max(1, rows // (ids + 1))
    for start in range(0, len(wanted), some):
        loaded.update(await load(wanted[start : start + some], ids))
    return loaded


def _remembered_for(one: CommandWrite, now: int) -> int:
    """Seconds that a command is still remembered: 0 for ever, less than 0 no longer."""
    if one.remembered.kind in _FOR_EVER:
        return 0
    return one.time // 1000 + REMEMBERED_SECONDS - now or -1


def _thread_values(key: ThreadKey) -> tuple[Any, ...]:
    return (*key.learner, uuid.UUID(key.thread_id))


def _uuids(ids: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(one) for one in ids]


def _by_shard(command_ids: Iterable[str]) -> dict[int, list[str]]:
    shards: defaultdict[int, list[str]] = defaultdict(list)
    for command_id in command_ids:
        shards[command_shard(command_id)].append(command_id)
    return shards


def _chunks(ids: Collection[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[start : start + IN_LIMIT] for start in range(0, len(listed), IN_LIMIT)]


def _loaded(key: ThreadKey, rows: Sequence[Any], cells: Cells, ids: int) -> LoadedThread:
    messages = Ids.found((row.message_id for row in rows if row.message_id is not None), ids)
    if not rows or rows[0].position is None:
        return LoadedThread(None, messages)
    return LoadedThread(_thread(key, rows[0], cells), messages)


def _thread(key: ThreadKey, row: Any, cells: Cells) -> Thread:
    title = cells.open(row.title, "title", key.thread_id)
    metadata = cells.open(row.metadata, "metadata", key.thread_id)
    details = Details(title, metadata, row.created_by, _ms(row.created_at), _ms(row.updated_at))
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
        _ms(row.active_at),
    )


def _remembered(row: Any, cells: Cells) -> Remembered:
    outcome = cells.open(row.outcome, "outcome", "", str(row.command_id)) if row.outcome else ""
    return Remembered(row.kind, row.digest, row.position, outcome)


def _message(key: ThreadKey, row: Any, cells: Cells) -> Message:
    message_id = str(row.message_id)
    return Message(
        message_id,
        key.thread_id,
        row.seq,
        row.sender_id,
        cells.open(row.content, "content", key.thread_id, message_id) if row.content else None,
        row.message_type,
        None if row.reply_to is None else str(row.reply_to),
        cells.open(row.metadata, "metadata", key.thread_id, message_id),
        _ms(row.created_at),
        _ms(row.updated_at),
        None if row.deleted_at is None else _ms(row.deleted_at),
    )


def _ms(moment: Any) -> int:
    """Milliseconds of a driver's naive UTC datetime."""
    since: dt.timedelta = moment - _EPOCH
    return since // dt.timedelta(milliseconds=1)
