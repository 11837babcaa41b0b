"""The `Store` in a process's memory, for tests that do no I/O. It keeps write times, as Cassandra does."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, Message, Status, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.storage.store import FEW_IDS, MANY_IDS, Gone, Ids, LoadedThread, MarkKey, MessageKey
from chat.storage.writes import CommandWrite, EventKeys, MarkWrite, MessageWrite, ThreadWrite

T = TypeVar("T")
K = TypeVar("K")


class Written(NamedTuple, Generic[T]):
    """A value and the microseconds it was written at."""

    value: T
    time: int


class Table(dict[K, Written[T]]):
    """Rows by key, with what Cassandra keeps of deleted ones: an older write beats neither a newer one nor a delete."""

    def __init__(self) -> None:
        super().__init__()
        self._deleted: dict[K, int] = {}

    def put(self, key: K, value: T, time: int) -> None:
        """Writes a row as of `time` (microseconds)."""
        before = self.get(key)
        if time > self._deleted.get(key, -1) and (before is None or time >= before.time):
            self[key] = Written(value, time)

    def delete(self, key: K, time: int) -> None:
        """Deletes a row as of `time`, also one that comes later than it should."""
        self._deleted[key] = max(time, self._deleted.get(key, -1))
        if key in self and self[key].time <= time:
            del self[key]

    def value(self, key: K) -> T | None:
        """A row's value, None where there is none."""
        written = self.get(key)
        return None if written is None else written.value


class MemoryStore:
    """Every table in a dictionary."""

    def __init__(self) -> None:
        self.lives: dict[Learner, Life] = {}
        self.messages: Table[tuple[ThreadKey, int], Message] = Table()
        self.commands: Table[tuple[LearnerId, str], Remembered] = Table()
        self.threads: Table[ThreadKey, Thread] = Table()
        self.seqs: Table[tuple[ThreadKey, str], int] = Table()
        self.marks: Table[MarkKey, int] = Table()
        self.listed: Table[ThreadKey, Thread] = Table()
        self.owners: dict[tuple[str, str], LearnerId] = {}
        self.claimed: dict[LearnerId, set[str]] = {}

    async def load_lives(self, learners: Collection[Learner]) -> dict[Learner, Life]:
        return {learner: self.lives.get(learner, FIRST_LIFE) for learner in learners}

    def forget_life(self, learner: Learner) -> None:
        """Nothing: lives are looked up every time."""

    def forget_lives(self) -> None:
        """Nothing, as above."""

    async def load_threads(self, keys: Collection[ThreadKey], ids: int = FEW_IDS) -> dict[ThreadKey, LoadedThread]:
        return {key: LoadedThread(self.threads.value(key), Ids.found(self._named(key), ids)) for key in keys}

    async def load_messages(self, keys: Collection[ThreadKey], ids: int = MANY_IDS) -> dict[ThreadKey, Ids]:
        return {key: Ids.found(self._named(key), ids) for key in keys}

    async def gone(self, keys: Collection[ThreadKey]) -> Gone:
        lives = await self.load_lives({key.learner.learner for key in keys})
        erased = {key for key in keys if not lives[key.learner.learner].is_of(key.learner)}
        return Gone({key for key in {*keys} - erased if self._is_deleted(key)}, erased)

    def _is_deleted(self, key: ThreadKey) -> bool:
        thread = self.threads.value(key)
        return thread is not None and thread.status is Status.DELETED

    def _named(self, key: ThreadKey) -> list[str]:
        return [message_id for thread, message_id in self.seqs if thread == key]

    async def load_commands(self, learners: Collection[LearnerId], ids: int = FEW_IDS) -> dict[LearnerId, Ids]:
        return {
            learner: Ids.found((one for owner, one in self.commands if owner == learner), ids) for learner in learners
        }

    async def find_commands(
        self, wanted: Mapping[LearnerId, Collection[str]]
    ) -> dict[tuple[LearnerId, str], Remembered]:
        keys = [(learner, one) for learner, ids in wanted.items() for one in ids]
        return {key: self.commands[key].value for key in keys if key in self.commands}

    async def find_messages(self, wanted: Mapping[ThreadKey, Collection[str]]) -> dict[tuple[ThreadKey, str], int]:
        keys = [(thread, one) for thread, ids in wanted.items() for one in ids]
        return {key: self.seqs[key].value for key in keys if key in self.seqs}

    async def read_messages(self, wanted: Collection[MessageKey]) -> dict[MessageKey, Message]:
        return {one: self.messages[one].value for one in wanted if one in self.messages}

    async def read_marks(self, wanted: Collection[MarkKey]) -> dict[MarkKey, int]:
        return {one: self.marks[one].value for one in wanted if one in self.marks}

    async def claim(self, key: ThreadKey) -> bool:
        self.claimed.setdefault(key.learner, set()).add(key.thread_id)
        return self.owners.setdefault((key.learner.tenant_id, key.thread_id), key.learner) == key.learner

    async def write_messages(
        self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite], marks: Sequence[MarkWrite] = ()
    ) -> None:
        for message in messages:
            self.messages.put((message.key, message.message.seq), message.message, message.write_time)
        for command in commands:
            self.commands.put((command.learner, command.command_id), command.remembered, command.write_time)
        for mark in marks:
            self.marks.put((mark.key, mark.user_id), mark.seq, mark.write_time)

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            for message in one.messages:
                self.seqs.put((one.key, message.message.message_id), message.message.seq, message.write_time)
            self.threads.put(one.key, one.thread, one.thread.write_time)

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            if one.thread.status is Status.DELETED:
                self.listed.delete(one.key, one.thread.write_time)
            else:
                self.listed.put(one.key, one.thread, one.thread.write_time)

    async def event_keys(self, key: ThreadKey) -> AsyncIterator[EventKeys]:
        yield EventKeys([], [user for thread, user in self.marks if thread == key])
        yield EventKeys(self._named(key), [])

    async def purge(self, key: ThreadKey, thread: Thread, users: Sequence[str]) -> None:
        for user in users:
            self.marks.delete((key, user), thread.write_time)
        for seq in range(1, thread.last_seq + 1):
            self.messages.delete((key, seq), thread.write_time)
        for message_id in self._named(key):
            self.seqs.delete((key, message_id), thread.write_time)
