"""The `Store` in a process's memory, for tests that do no I/O. It keeps write times, as Cassandra does."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, Message, Status, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.storage.store import Ids, LoadedThread, MarkKey, MessageKey
from chat.storage.writes import CommandWrite, EventKeys, MarkWrite, MessageWrite, ThreadWrite

T = TypeVar("T")
K = TypeVar("K")


class Written(NamedTuple, Generic[T]):
    """A value and the microseconds it was written at."""

    value: T
    time: int


class MemoryStore:
    """Every table as a dictionary; an older write never beats a newer one."""

    def __init__(self) -> None:
        self.lives: dict[Learner, Life] = {}
        self.messages: dict[tuple[ThreadKey, int], Written[Message]] = {}
        self.commands: dict[tuple[LearnerId, str], Written[Remembered]] = {}
        self.threads: dict[ThreadKey, Written[Thread]] = {}
        self.seqs: dict[tuple[ThreadKey, str], Written[int]] = {}
        self.marks: dict[MarkKey, Written[int]] = {}
        self.listed: dict[ThreadKey, Written[Thread]] = {}
        self.owners: dict[tuple[str, str], LearnerId] = {}

    async def load_lives(self, learners: Collection[Learner]) -> dict[Learner, Life]:
        return {learner: self.lives.get(learner, FIRST_LIFE) for learner in learners}

    def forget_life(self, learner: Learner) -> None:
        """Nothing: lives are looked up every time."""

    async def load_threads(self, keys: Collection[ThreadKey]) -> dict[ThreadKey, LoadedThread]:
        return {key: LoadedThread(_value(self.threads, key), self._message_ids(key)) for key in keys}

    def _message_ids(self, key: ThreadKey) -> Ids:
        return Ids(frozenset(message_id for thread, message_id in self.seqs if thread == key), complete=True)

    async def load_commands(self, learners: Collection[LearnerId]) -> dict[LearnerId, Ids]:
        return {
            learner: Ids(frozenset(one for owner, one in self.commands if owner == learner), complete=True)
            for learner in learners
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
        return self.owners.setdefault((key.learner.tenant_id, key.thread_id), key.learner) == key.learner

    async def write_messages(
        self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite], marks: Sequence[MarkWrite] = ()
    ) -> None:
        for message in messages:
            _put(self.messages, (message.key, message.message.seq), message.message, message.write_time)
        for command in commands:
            _put(self.commands, (command.learner, command.command_id), command.remembered, command.write_time)
        for mark in marks:
            _put(self.marks, (mark.key, mark.user_id), mark.seq, mark.write_time)

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            for message in one.messages:
                _put(self.seqs, (one.key, message.message.message_id), message.message.seq, message.write_time)
            _put(self.threads, one.key, one.thread, one.thread.write_time)

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            if one.thread.status is Status.DELETED:
                self.listed.pop(one.key, None)
            else:
                _put(self.listed, one.key, one.thread, one.thread.write_time)

    async def event_keys(self, key: ThreadKey) -> AsyncIterator[EventKeys]:
        yield EventKeys([], [user for thread, user in self.marks if thread == key])
        yield EventKeys([message_id for thread, message_id in self.seqs if thread == key], [])

    async def purge(self, key: ThreadKey, _thread: Thread, users: Sequence[str]) -> None:
        for user in users:
            self.marks.pop((key, user), None)
        self.messages = {place: one for place, one in self.messages.items() if place[0] != key}
        self.seqs = {place: one for place, one in self.seqs.items() if place[0] != key}


def _value(table: Mapping[K, Written[T]], key: K) -> T | None:
    written = table.get(key)
    return None if written is None else written.value


def _put(table: dict[K, Written[T]], key: K, value: T, time: int) -> None:
    before = table.get(key)
    if before is None or time >= before.time:
        table[key] = Written(value, time)
