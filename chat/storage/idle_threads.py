"""Which threads hold nothing any more: the table of listed threads, walked a slice of Cassandra's ring at a time.

Deleted threads are not in that table, so what is walked is what lives, whatever was ever deleted.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Self

from chat.domain.model import LearnerId, ThreadKey, bucket_of
from chat.storage.session import Connection

PAGE = 500
"""Threads read at once."""

_FIRST_TOKEN = -(2**63)
_TOKENS = 2**64

_LISTED = """SELECT tenant_id, learner_id, generation, CAST(thread_id AS text), last_seq,
    to_unix_timestamp(last_activity_at) FROM threads
    WHERE token(tenant_id, learner_id, generation) > ? AND token(tenant_id, learner_id, generation) <= ?"""
_HELD = """SELECT seq FROM messages
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND bucket = ? LIMIT 1"""


class Slice(NamedTuple):
    """The `number`-th of `total` equal slices of the ring, counted from 0."""

    number: int
    total: int

    @property
    def tokens(self) -> tuple[int, int]:
        """The last token before it, and its own last."""
        first, last = (_FIRST_TOKEN + _TOKENS * number // self.total for number in (self.number, self.number + 1))
        return first, min(last, _FIRST_TOKEN + _TOKENS - 1)


class ListedThread(NamedTuple):
    """A thread that lives, and when somebody was last active in it (ms)."""

    key: ThreadKey
    last_seq: int
    active_at: int


class IdleThreads:
    """Both methods raise `StorageUnavailable` when Cassandra does not answer."""

    def __init__(self, connection: Connection, listed: Any, held: Any) -> None:
        self._connection = connection
        self._listed = listed
        self._held = held

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        listed, held = await asyncio.gather(*map(connection.prepare, (_LISTED, _HELD)))
        listed.is_idempotent = held.is_idempotent = True
        listed.fetch_size = PAGE
        return cls(connection, listed, held)

    async def listed(self, part: Slice) -> AsyncIterator[list[ListedThread]]:
        """Page by page, every thread of a slice that lives."""
        async for page in self._connection.pages(self._listed, part.tokens):
            yield [_listed(*row) for row in page]

    async def holds_messages(self, key: ThreadKey, last_seq: int) -> bool:
        """Whether any message of the thread, a husk too, has not expired."""
        thread = (*key.learner, uuid.UUID(key.thread_id))
        for bucket in range(bucket_of(max(last_seq, 1)), -1, -1):
            if await self._connection.execute(self._held, (*thread, bucket)):
                return True
        return False


def _listed(*row: Any) -> ListedThread:
    tenant_id, learner_id, generation, thread_id, last_seq, active_at = row
    return ListedThread(ThreadKey(LearnerId(tenant_id, learner_id, generation), thread_id), last_seq, active_at)
