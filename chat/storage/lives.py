"""The lives of learners, with the wrapped key of each, in `learner_keys`: read by partition, changed by lightweight
transactions only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Self

from chat.domain.model import FIRST_LIFE, Life
from chat.storage.session import Connection

PAGE = 500
"""Lives in a page of all."""

TOGETHER = 50
"""Lives that are asked for in one question."""

_SELECT = "SELECT subject, generation, state, version, epoch, wrapped, since, ended FROM learner_keys"
_READ = f"{_SELECT} WHERE subject = ? LIMIT 1"
_READ_MANY = f"{_SELECT} WHERE subject IN ? PER PARTITION LIMIT 1"
_BEGIN = """INSERT INTO learner_keys (subject, generation, state, version, epoch, wrapped, since, made_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"""
_SET_KEY = """UPDATE learner_keys SET version = ?, epoch = ?, wrapped = ? WHERE subject = ? AND generation = ?
    IF state = ? AND epoch = ?"""
_END = """UPDATE learner_keys SET state = ?, version = null, epoch = null, wrapped = null, destroyed_at = ?
    WHERE subject = ? AND generation = ? IF state = ?"""
_END_UNBEGUN = """INSERT INTO learner_keys (subject, generation, state, since, made_at, destroyed_at)
    VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS"""
_FENCE = "UPDATE learner_keys SET ended = ? WHERE subject = ? AND generation = ? IF state = ? AND ended = null"
_EVERY = f"{_SELECT} PER PARTITION LIMIT 1"
_ALL = (_READ, _READ_MANY, _EVERY, _BEGIN, _SET_KEY, _END, _END_UNBEGUN, _FENCE)


class State(IntEnum):
    """Whether a life goes on."""

    LIVE = 1
    DESTROYED = 2


class LifeKey(NamedTuple):
    """Where a life is kept: the learner's subject (see `chat.privacy.subject`), and the generation."""

    subject: bytes
    generation: int


class WrappedKey(NamedTuple):
    """A data key as it lies in the table: `version` 1 … 255, wrapped by the key of `epoch`."""

    version: int
    epoch: str
    wrapped: bytes


class KeptLife(NamedTuple):
    """A life as it is kept; `key` is None where nothing was sealed in it, or where it has ended.

    `ended` is the position of the fence behind it, None while there is none.
    """

    life: Life
    key: WrappedKey | None = None
    ended: int | None = None


class Lives:
    """Every method raises `StorageUnavailable` when Cassandra does not answer, and may then be called again."""

    def __init__(self, connection: Connection, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._prepared = prepared

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement."""
        prepared = await asyncio.gather(*map(connection.prepare, _ALL))
        lives = dict(zip(_ALL, prepared, strict=True))
        for cql in (_READ, _READ_MANY, _EVERY):
            lives[cql].is_idempotent = True
        lives[_EVERY].fetch_size = PAGE
        return cls(connection, lives)

    async def read(self, subjects: Collection[bytes]) -> list[KeptLife | None]:
        """The latest life of each, in their order; None where nothing is kept."""
        answers = await self._connection.execute_all(self._questions(list(dict.fromkeys(subjects))))
        kept = {row.subject: _kept(row) for rows in answers for row in rows}
        return [kept.get(subject) for subject in subjects]

    async def life_of(self, subject: bytes) -> Life:
        """One's latest life, the first where nothing is kept: as the table has it, so an end counts at once."""
        (kept,) = await self.read([subject])
        return kept.life if kept else FIRST_LIFE

    def _questions(self, subjects: Sequence[bytes]) -> Iterator[tuple[Any, tuple[Any]]]:
        """One question for many: a worker asks for hundreds at once, and a question costs it more than an answer.

        One alone goes to a replica; a list goes to any node.
        """
        for start in range(0, len(subjects), TOGETHER):
            some = subjects[start : start + TOGETHER]
            yield (self._prepared[_READ_MANY], (some,)) if len(some) > 1 else (self._prepared[_READ], (some[0],))

    async def every(self) -> AsyncIterator[list[tuple[LifeKey, KeptLife]]]:
        """The latest life of every learner, page by page."""
        async for page in self._connection.pages(self._prepared[_EVERY], ()):
            yield [(LifeKey(row.subject, row.generation), _kept(row)) for row in page]

    async def begin(self, subject: bytes, life: Life, key: WrappedKey | None) -> bool:
        """Begins a life; False where one of that generation was begun, or ended, before."""
        version, epoch, wrapped = key or (None, None, None)
        values = (subject, life.generation, State.LIVE, version, epoch, wrapped, life.since, _now())
        return await self._apply(_BEGIN, *values)

    async def set_key(self, whose: LifeKey, key: WrappedKey, before: str | None) -> bool:
        """Gives a living life a key in the place of one of the epoch `before` (None: of none); False where that is not
        how it is.
        """
        return await self._apply(_SET_KEY, *key, *whose, State.LIVE, before)

    async def end(self, subject: bytes, generation: int) -> None:
        """Ends a life and destroys its key; nothing where it has ended. One that was never begun never begins."""
        now = _now()
        unbegun = (subject, generation, State.DESTROYED, FIRST_LIFE.since, now, now)
        while not await self._apply(_END, State.DESTROYED, now, subject, generation, State.LIVE):
            rows = await self._connection.execute(self._prepared[_END_UNBEGUN], unbegun)
            if rows[0].applied or rows[0].state == State.DESTROYED:
                return

    async def fence(self, subject: bytes, generation: int, position: int) -> None:
        """Notes where in the log an ended life has its fence; the first one counts."""
        await self._apply(_FENCE, position, subject, generation, State.DESTROYED)

    async def _apply(self, cql: str, *values: Any) -> bool:
        rows = await self._connection.execute(self._prepared[cql], values)
        return bool(rows[0].applied)


def _kept(row: Any) -> KeptLife:
    life = Life(row.generation, row.state == State.LIVE, row.since or FIRST_LIFE.since)
    if row.wrapped is None or not life.alive:
        return KeptLife(life, None, row.ended)
    return KeptLife(life, WrappedKey(row.version, row.epoch, row.wrapped), row.ended)


def _now() -> int:
    return time.time_ns() // 1_000_000
