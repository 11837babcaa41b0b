"""The `Store` in a process's memory, for tests that do no I/O. It keeps write times, as Cassandra does."""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from chat.domain.apply import Remembered
from chat.domain.model import LearnerId, Message, Thread, ThreadKey
from chat.storage.store import CommandWrite, Ids, LoadedThread, MessageWrite, ThreadWrite

T = TypeVar("T")
K = TypeVar("K")


class Written(NamedTuple, Generic[T]):
    """A value and the microseconds it was written at."""

    value: T
    time: int


class MemoryStore:
    """Every table as a dictionary; an older write never beats a newer one."""

    def __init__(self) -> None:
        self.messages: dict[tuple[ThreadKey, int], Written[Message]] = {}
        self.commands: dict[tuple[LearnerId, str], Written[Remembered]] = {}
        self.threads: dict[ThreadKey, Written[Thread]] = {}
        self.seqs: dict[tuple[ThreadKey, str], Written[int]] = {}
        self.listed: dict[ThreadKey, Written[Thread]] = {}
        self.owners: dict[tuple[str, str], LearnerId] = {}

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

    async def claim(self, key: ThreadKey) -> bool:
        return self.owners.setdefault((key.learner.tenant_id, key.thread_id), key.learner) == key.learner

    async def write_messages(self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite]) -> None:
        for message in messages:
            _put(self.messages, (message.key, message.message.seq), message.message, message.write_time)
        for command in commands:
            _put(self.commands, (command.learner, command.command_id), command.remembered, command.write_time)

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            for message in one.messages:
                _put(self.seqs, (one.key, message.message.message_id), message.message.seq, message.write_time)
            _put(self.threads, one.key, one.thread, one.thread.write_time)

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        for one in threads:
            _put(self.listed, one.key, one.thread, one.thread.write_time)


def _value(table: Mapping[K, Written[T]], key: K) -> T | None:
    written = table.get(key)
    return None if written is None else written.value


def _put(table: dict[K, Written[T]], key: K, value: T, time: int) -> None:
    before = table.get(key)
    if before is None or time >= before.time:
        table[key] = Written(value, time)
