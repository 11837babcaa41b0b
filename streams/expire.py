"""Threads that hold nothing any more are found, and their lanes are asked to delete them.

Nothing is deleted here: an `ExpireThread` goes into the command log, and its lane judges it in the log's order, so
whoever wrote to the thread in the meantime keeps it. Each owner of a partition walks that partition's share of
Cassandra's ring, whosever threads those are: the share divides the work and nothing else, so that two owners at once,
or a walk begun anew, cost a refused record at most.
"""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import schemas
from chat.domain.events import NAMESPACE
from chat.domain.model import ThreadKey
from chat.domain.partition import learner_key, partition_of
from chat.metrics import EXPIRIES_ASKED
from chat.storage.idle_threads import ListedThread, Slice
from chat.topic_specs import Topic
from streams.internal import ServiceSeal
from streams.publish import Outgoing, Publisher
from streams.waiting import Waiting

SLICES = 96
"""Slices of a partition's share."""

INTERVAL = 900.0
"""Seconds between two slices of a share, so that all of it is walked in a day."""

PAUSE = 0.02
"""Seconds between two records: a lane has others to serve."""


class Idle(Protocol):
    """What is asked of the store; see `chat.storage.idle_threads`."""

    def listed(self, part: Slice) -> AsyncIterator[list[ListedThread]]:
        """Page by page, every thread of a slice that lives."""
        ...

    async def holds_messages(self, key: ThreadKey, last_seq: int) -> bool:
        """Whether any message of the thread has not expired."""
        ...


@dataclass(slots=True)
class Expiry:
    """`retention` gives a tenant's seconds; `partitions` is every topic's count."""

    idle: Idle
    publisher: Publisher
    waiting: Waiting
    seal: ServiceSeal
    retention: Callable[[str], int]
    partitions: int
    _left: dict[int, list[Slice]] = field(default_factory=dict)

    async def keep(self, owned: Callable[[], Collection[int]]) -> None:
        """Walks on and on, a slice of every owned partition's share at a time."""
        while True:
            for partition in owned():
                await self.waiting.until_served(partial(self.visit, self._next(partition)))
            await asyncio.sleep(INTERVAL)

    def _next(self, partition: int) -> Slice:
        """In any order: a walk that often begins anew leaves none out."""
        if not self._left.get(partition):
            numbers = range(partition * SLICES, (partition + 1) * SLICES)
            self._left[partition] = [Slice(one, self.partitions * SLICES) for one in numbers]
            random.shuffle(self._left[partition])
        return self._left[partition].pop()

    async def visit(self, part: Slice) -> None:
        """Asks for the end of every thread of a slice that holds nothing. Raises `StorageUnavailable`."""
        async for page in self.idle.listed(part):
            for one in page:
                if self._is_old(one) and not await self.idle.holds_messages(one.key, one.last_seq):
                    await self._ask(one)
                    await asyncio.sleep(PAUSE)

    def _is_old(self, one: ListedThread) -> bool:
        return one.active_at + 1000 * self.retention(one.key.learner.tenant_id) <= time.time() * 1000

    async def _ask(self, one: ListedThread) -> None:
        learner = one.key.learner
        key = learner_key(learner.tenant_id, learner.learner_id).encode()
        value = schemas.encode("ExpireThread", _command(one))
        record = Outgoing(key, value, time.time_ns() // 1_000_000, [self.seal.header(value)])
        await self.publisher.publish(Topic.COMMANDS, partition_of(key, self.partitions), [record])
        EXPIRIES_ASKED.inc()


def _command(one: ListedThread) -> dict[str, str | int]:
    """The same thread, idle since the same time, makes the same command: asked for twice, it is a duplicate."""
    tenant_id, learner_id, _ = one.key.learner
    name = f"{tenant_id}/{learner_id}/{one.key.thread_id}/expire/{one.active_at}"
    return {
        "command_id": str(uuid.uuid5(NAMESPACE, name)),
        "tenant_id": tenant_id,
        "learner_id": learner_id,
        "thread_id": one.key.thread_id,
        "active_at": one.active_at,
    }
