"""The read side's questions to Cassandra: one statement each, prepared once, never more columns than are shown.

UUIDs and times are asked for as text and milliseconds: the driver's own objects for them cost more than the rest of a
row. Values are taken by position, whatever kind of row the driver makes.
"""

import asyncio
import heapq
import uuid
from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Self

from chat.domain.model import Details, Learner, LearnerId, Message, Status, ThreadKey, bucket_of
from chat.keyring import Keyring
from chat.privacy.envelope import SEALED
from chat.storage import migrate, token_keys
from chat.storage.history import Place, ShownMessage, ShownThread
from chat.storage.learner_keys import Held, LearnerKeys
from chat.storage.sealing import Cells
from chat.storage.session import Connection

LOOKS = 3
"""How often a page of threads is read where one of them is deleted meanwhile: a page that is short is the last one."""

OWNERS = 65_536
"""Threads whose owner is kept in memory, the latest used: it never changes."""

_THREAD = "tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ?"
_MESSAGE = """seq, CAST(message_id AS text), sender_id, message_type, content, metadata, CAST(reply_to AS text),
    to_unix_timestamp(created_at), to_unix_timestamp(updated_at), to_unix_timestamp(deleted_at)"""
_DETAILS = "title, metadata, created_by, to_unix_timestamp(created_at), to_unix_timestamp(updated_at)"

_OWNER = "SELECT learner_id, generation FROM thread_owners WHERE tenant_id = ? AND thread_id = ?"
_ONE_THREAD = f"""SELECT DISTINCT status, last_seq, to_unix_timestamp(active_at), write_time, {_DETAILS}
    FROM thread_log WHERE {_THREAD}"""
_LAST_SEQ = f"SELECT DISTINCT status, last_seq FROM thread_log WHERE {_THREAD}"
_SEQ = f"SELECT status, last_seq, seq FROM thread_log WHERE {_THREAD} AND message_id = ?"
_PLACES = """SELECT to_unix_timestamp(last_activity_at), CAST(thread_id AS text) FROM threads
    WHERE tenant_id = ? AND learner_id = ? AND generation = ?"""
_LISTED = f"""SELECT CAST(thread_id AS text), last_seq, to_unix_timestamp(last_activity_at), {_DETAILS} FROM threads
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id IN ?"""
_RANGE = f"""SELECT {_MESSAGE} FROM messages
    WHERE {_THREAD} AND bucket = ? AND seq >= ? AND seq <= ?"""
_ONE = f"SELECT WRITETIME(sender_id), {_MESSAGE} FROM messages WHERE {_THREAD} AND bucket = ? AND seq = ?"
_FIRST = f"""SELECT seq FROM messages
    WHERE {_THREAD} AND bucket = ? AND seq >= ? AND seq <= ? ORDER BY seq ASC LIMIT 1"""
_MARKS = """SELECT CAST(thread_id AS text), seq FROM read_marks
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND user_id = ? AND thread_id IN ?"""
_PROBE = "SELECT partitions FROM topics WHERE name = 'chat.commands'"

_NONE = Cells(None, sealed=False)
_READS = (_PROBE, _OWNER, _ONE_THREAD, _LAST_SEQ, _SEQ, _PLACES, _LISTED, _RANGE, _ONE, _FIRST, _MARKS)


class HistoryReader:
    """The `History` in Cassandra."""

    def __init__(self, connection: Connection, keys: LearnerKeys, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._keys = keys
        self._prepared = prepared
        self._owners: OrderedDict[tuple[str, str], ThreadKey] = OrderedDict()

    @classmethod
    async def open(cls, connection: Connection, keys: LearnerKeys) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        prepared = await asyncio.gather(*map(connection.prepare, _READS))
        for statement in prepared:
            statement.is_idempotent = True
        reads = dict(zip(_READS, prepared, strict=True))
        # Two small columns of every thread: whole, where the driver would else give 5,000 and keep silent about more.
        reads[_PLACES].fetch_size = None
        return cls(connection, keys, reads)

    async def owner(self, tenant_id: str, thread_id: str) -> ThreadKey | None:
        asked = (tenant_id, thread_id)
        if asked in self._owners:
            self._owners.move_to_end(asked)
            return self._owners[asked]
        for learner_id, generation in await self._ask(_OWNER, tenant_id, uuid.UUID(thread_id)):
            self._owners[asked] = ThreadKey(LearnerId(tenant_id, learner_id, generation), thread_id)
            if len(self._owners) > OWNERS:
                self._owners.popitem(last=False)
        return self._owners.get(asked)

    async def learner(self, tenant_id: str, learner_id: str) -> LearnerId | None:
        one = Learner(tenant_id, learner_id)
        life = (await self._keys.find([one]))[one].life
        return life.of(one) if life.alive else None

    async def thread(self, key: ThreadKey) -> ShownThread | None:
        cells, rows = await self._ask_of(key.learner, _ONE_THREAD, uuid.UUID(key.thread_id))
        for status, last_seq, active_at, version, *details in rows:
            if status == Status.LIVE:
                return ShownThread(
                    key.thread_id, details_of(cells, key.thread_id, *details), last_seq, active_at, version
                )
        return None

    async def threads(self, learner: LearnerId, limit: int, after: Place | None = None) -> list[ShownThread]:
        for _ in range(LOOKS):
            wanted, listed = await self._look(learner, limit, after)
            if len(listed) == len(wanted):
                break
        return [listed[thread_id] for thread_id in wanted if thread_id in listed]

    async def _look(
        self, learner: LearnerId, limit: int, after: Place | None
    ) -> tuple[list[str], dict[str, ShownThread]]:
        """The ids of the next threads, and those of the threads that are there a moment later."""
        places = [Place(*row) for row in await self._ask(_PLACES, *learner)]
        behind = places if after is None else [place for place in places if place.rank > after.rank]
        wanted = [place.thread_id for place in heapq.nsmallest(limit, behind, key=lambda place: place.rank)]
        if not wanted:
            return [], {}
        cells, rows = await self._ask_of(learner, _LISTED, [uuid.UUID(one) for one in wanted])
        return wanted, {
            thread_id: ShownThread(thread_id, details_of(cells, thread_id, *details), last_seq, last_activity_at)
            for thread_id, last_seq, last_activity_at, *details in rows
        }

    async def marks(self, learner: LearnerId, user_id: str, thread_ids: Collection[str]) -> dict[str, int]:
        rows = await self._ask(_MARKS, *learner, user_id, [uuid.UUID(one) for one in thread_ids])
        return dict(rows)

    async def last_seq(self, key: ThreadKey) -> int | None:
        _, rows = await self._ask_of(key.learner, _LAST_SEQ, uuid.UUID(key.thread_id))
        for status, last_seq in rows:
            if status == Status.LIVE:
                return int(last_seq)
        return None

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        first = max(first, 1)
        if first > last:
            return []
        thread = uuid.UUID(key.thread_id)
        buckets = range(bucket_of(first), bucket_of(last) + 1)
        questions = [self._ask_of(key.learner, _RANGE, thread, bucket, first, last) for bucket in buckets]
        # A task costs more than what a page of one bucket is made with.
        answers = [await questions[0]] if len(questions) == 1 else await asyncio.gather(*questions)
        return [message_of(cells, key.thread_id, *row) for cells, rows in answers for row in reversed(rows)]

    async def first_kept(self, key: ThreadKey, last_seq: int, first: int = 1) -> int | None:
        """By bisection of the buckets: messages expire from the front.

        Where a retention was changed they do not, for a while: there may be a hole then, behind which it finds on.
        """
        low, high = bucket_of(first), bucket_of(max(last_seq, first))
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if await self._first_in(key, middle, first, last_seq) else (middle + 1, high)
        return await self._first_in(key, low, first, last_seq)

    async def message(self, key: ThreadKey, message_id: str) -> ShownMessage | None:
        for status, last_seq, seq in await self._ask(_SEQ, *_values(key), uuid.UUID(message_id)):
            if status == Status.LIVE and seq <= last_seq:
                found = await self._message_at(key, seq)
                return found if found and found.message.message_id == message_id else None
        return None

    async def _message_at(self, key: ThreadKey, seq: int) -> ShownMessage | None:
        cells, rows = await self._ask_of(key.learner, _ONE, uuid.UUID(key.thread_id), bucket_of(seq), seq)
        for version, *row in rows:
            return ShownMessage(message_of(cells, key.thread_id, *row), version)
        return None

    async def probe(self) -> None:
        """Returns when a replica set of the keyspace answers."""
        await self._ask(_PROBE)

    async def secret(self, name: str) -> bytes:
        """A secret that all processes share. Raises `SchemaMismatch` where it was never made."""
        return await migrate.service_secret(self._connection, name)

    async def keyring(self) -> Keyring:
        """The keys of tokens that the workers know."""
        return await token_keys.load(self._connection)

    async def _first_in(self, key: ThreadKey, bucket: int, first: int, last: int) -> int | None:
        rows = await self._ask(_FIRST, *_values(key), bucket, first, last)
        return next((seq for (seq,) in rows), None)

    async def _ask_of(self, learner: LearnerId, cql: str, *values: Any) -> tuple[Cells, list[Any]]:
        """Rows of a life and what opens their cells, asked for side by side; no row of a life that is over."""
        held = self._keys.at_hand(learner.learner)
        if held is None:
            cells, rows = await asyncio.gather(self._cells(learner), self._ask(cql, *learner, *values))
        else:
            cells, rows = _cells_of(learner, held), await self._ask(cql, *learner, *values)
        if cells is not None and not cells.has_key and _hold_sealed(rows):
            cells = await self._cells(learner)  # its first key was made in between
        return (_NONE, []) if cells is None else (cells, rows)

    async def _cells(self, learner: LearnerId) -> Cells | None:
        return _cells_of(learner, (await self._keys.find([learner.learner]))[learner.learner])

    async def _ask(self, cql: str, *values: Any) -> list[Any]:
        return await self._connection.execute(self._prepared[cql], values)


def _values(key: ThreadKey) -> tuple[Any, ...]:
    return (*key.learner, uuid.UUID(key.thread_id))


def _cells_of(learner: LearnerId, held: Held) -> Cells | None:
    return held.cells if held.life.is_of(learner) else None


def _hold_sealed(rows: list[Any]) -> bool:
    return any(type(value) is bytes and value[:1] == SEALED for row in rows for value in row)


def details_of(cells: Cells, thread_id: str, title: bytes, metadata: bytes, *rest: Any) -> Details:
    """A thread's details out of its columns, of which the first two are sealed. Raises `CellDamaged`."""
    return Details(cells.open(title, "title", thread_id), cells.open(metadata, "metadata", thread_id), *rest)


def message_of(cells: Cells, thread_id: str, *row: Any) -> Message:
    """A message out of the columns of `_MESSAGE`. Raises `CellDamaged`."""
    seq, message_id, sender_id, message_type, content, metadata, reply_to, created_at, updated_at, deleted_at = row
    shown = cells.open(content, "content", thread_id, message_id) if content else None
    return Message(
        message_id,
        thread_id,
        seq,
        sender_id,
        shown,
        message_type,
        reply_to,
        cells.open(metadata, "metadata", thread_id, message_id),
        created_at,
        updated_at,
        deleted_at,
    )
