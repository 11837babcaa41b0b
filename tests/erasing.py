"""What an erasure works on, in memory: lives, rows, receipts, holds, and events as they were published."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from chat.domain.model import LearnerId, ThreadKey
from chat.errors import LedgerUnavailable
from chat.storage.erasure_store import Link, ThreadMark
from chat.storage.memory import MemoryStore
from tests.way import MemoryPublisher


@dataclass
class MemoryRows:
    """The rows of lives in a `MemoryStore`; what was purged may be put back by a test."""

    store: MemoryStore

    async def threads(self, learner: LearnerId) -> AsyncIterator[list[str]]:
        yield sorted(self.store.claimed.get(learner, set()))

    async def messages(self, key: ThreadKey) -> AsyncIterator[list[str]]:
        yield sorted(message_id for thread, message_id in self.store.seqs if thread == key)

    async def marks(self, learner: LearnerId) -> AsyncIterator[list[ThreadMark]]:
        yield [ThreadMark(key.thread_id, user) for key, user in self.store.marks if key.learner == learner]

    async def commands(self, learner: LearnerId) -> int:
        return sum(owner == learner for owner, _ in self.store.commands)

    async def left(self, key: ThreadKey) -> int:
        rows = (*self.store.messages, *self.store.seqs)
        return sum(thread == key for thread, _ in rows) + (key in self.store.threads)

    async def left_of(self, learner: LearnerId) -> int:
        listed = sum(key.learner == learner for key in self.store.listed)
        return listed + sum(key.learner == learner for key, _ in self.store.marks) + await self.commands(learner)

    async def purge_thread(self, key: ThreadKey) -> None:
        for place in [row for row in self.store.messages if row[0] == key]:
            self.store.messages.delete(place, _LATEST)
        for named in [row for row in self.store.seqs if row[0] == key]:
            self.store.seqs.delete(named, _LATEST)
        self.store.threads.delete(key, _LATEST)
        name = key.learner.tenant_id, key.thread_id
        if self.store.owners.get(name) == key.learner:
            self.store.owners[name] = LearnerId(key.learner.tenant_id, "", 0)

    async def purge_learner(self, learner: LearnerId) -> None:
        for one in [row for row in self.store.listed if row.learner == learner]:
            self.store.listed.delete(one, _LATEST)
        for mark in [row for row in self.store.marks if row[0].learner == learner]:
            self.store.marks.delete(mark, _LATEST)
        for command in [row for row in self.store.commands if row[0] == learner]:
            self.store.commands.delete(command, _LATEST)

    async def forget_threads(self, learner: LearnerId) -> None:
        self.store.claimed.pop(learner, None)


@dataclass
class MemoryChain:
    """Receipts by tenant."""

    links: dict[str, list[Link]] = field(default_factory=dict)

    async def last(self, tenant_id: str) -> Link | None:
        return next(reversed(self.links.get(tenant_id, [])), None)

    async def add(self, tenant_id: str, link: Link) -> Link:
        chain = self.links.setdefault(tenant_id, [])
        if link.number == len(chain) + 1:
            chain.append(link)
        return chain[link.number - 1]


@dataclass
class MemoryHolds:
    """Holds by subject."""

    held: dict[bytes, str] = field(default_factory=dict)
    closed: dict[bytes, int] = field(default_factory=dict)

    async def hold_on(self, subject: bytes) -> str | None:
        return self.held.get(subject)

    async def hold(self, subject: bytes, reason: str, generation: int) -> bool:
        if self.closed.get(subject) == generation:
            return False
        self.held[subject] = reason
        return True

    async def release(self, subject: bytes) -> None:
        self.held.pop(subject, None)

    async def close(self, subject: bytes, generation: int) -> bool:
        if subject in self.held:
            return False
        self.closed[subject] = generation
        return True


@dataclass
class MemoryLedger:
    """Receipts by tenant and number; `full` as a disk is."""

    kept: dict[tuple[str, int], str] = field(default_factory=dict)
    full: bool = False

    async def add(self, tenant_id: str, number: int, document: str) -> None:
        if self.full:
            raise LedgerUnavailable("no room")
        self.kept[tenant_id, number] = document


@dataclass
class Published:
    """The events of a `MemoryPublisher`, by partition."""

    publisher: MemoryPublisher

    async def end(self, partition: int) -> int:
        return len(self.publisher.topics.get(("chat.events", partition), []))

    async def since(self, partition: int, offset: int) -> AsyncIterator[list[tuple[str, bool]]]:
        records = self.publisher.topics.get(("chat.events", partition), [])[offset:]
        yield [((one.key or b"").decode(), one.value is None) for one in records]


_LATEST = 1 << 62
