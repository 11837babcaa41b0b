"""One suite for memory and Cassandra: what is there of a learner who was erased, and of one who came back."""

import uuid
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from chat.domain.commands import CreateThread
from chat.domain.model import FIRST_LIFE, Learner, Life, Message, Status, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.settings import Settings
from chat.storage.cassandra_store import CassandraStore
from chat.storage.history import History
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.memory import MemoryStore
from chat.storage.memory_reads import MemoryHistory
from chat.storage.reads import HistoryReader
from chat.storage.session import Connection
from chat.storage.store import Store
from chat.storage.writes import CommandWrite, MessageWrite, ThreadWrite
from tests.api_client import message_at, shown_thread
from tests.records import NOW, uid


class Kept(Protocol):
    """A store and a history over the same rows."""

    @property
    def store(self) -> Store: ...

    @property
    def history(self) -> History: ...

    async def write(self, key: ThreadKey) -> None:
        """A thread with one message."""
        ...

    async def end(self, learner: Learner, generation: int, *, noticed: bool = True) -> None:
        """Ends a life, as an erasure does; whoever had looked it up has `noticed` it."""
        ...

    async def enrol(self, learner: Learner, life: Life) -> None:
        """Begins another."""
        ...


class InMemory:
    def __init__(self) -> None:
        self.store, self.history = MemoryStore(), MemoryHistory()

    async def write(self, key: ThreadKey) -> None:
        await _write(self.store, key)
        await self.history.put_thread(key, shown_thread(int(key.thread_id[-12:], 16), 1))
        await self.history.put_message(key, message_at(1))

    async def end(self, learner: Learner, generation: int, *, noticed: bool = True) -> None:  # noqa: ARG002 - nothing is kept
        self.store.lives[learner] = self.history.lives[learner] = Life(generation, alive=False)

    async def enrol(self, learner: Learner, life: Life) -> None:
        self.store.lives[learner] = self.history.lives[learner] = life


class InCassandra:
    def __init__(self, tools: KeyTools, store: CassandraStore, history: HistoryReader, reading: LearnerKeys) -> None:
        self._tools = tools
        self.store, self.history, self._reading = store, history, reading

    async def write(self, key: ThreadKey) -> None:
        await _write(self.store, key)

    async def end(self, learner: Learner, generation: int, *, noticed: bool = True) -> None:
        await self._tools.lives.end(self._tools.subjects.of(learner), generation)
        if noticed:
            self._forget(learner)

    async def enrol(self, learner: Learner, life: Life) -> None:
        assert await self._tools.lives.begin(self._tools.subjects.of(learner), life, None)
        self._forget(learner)

    def _forget(self, learner: Learner) -> None:
        """What else a minute does."""
        self.store.forget_life(learner)
        self._reading.forget(learner)


async def _write(store: Store, key: ThreadKey) -> None:
    thread = Thread(key.thread_id, shown_thread().details, Status.LIVE, 1, 1, 1, NOW * 1000, NOW * 1000, NOW)
    message = MessageWrite(key, _message(), NOW * 1000)
    remembered = Remembered(CreateThread.kind, b"d" * 16, 1, '["{}", 1]')
    await store.claim(key)
    await store.write_messages([message], [CommandWrite(key.learner, uid(3, 1), remembered, NOW * 1000, NOW)])
    await store.commit([ThreadWrite(key, thread, [message], details=True)])
    await store.write_list([ThreadWrite(key, thread, [], details=True)])


def _message() -> Message:
    return message_at(1, content="Grüße 👋🏽")


@pytest.fixture(params=["memory", "cassandra"])
def settings(request: pytest.FixtureRequest) -> Settings | None:
    """None for memory."""
    found: Settings | None = request.getfixturevalue("migrated") if request.param == "cassandra" else None
    return found


@pytest.fixture
async def kept(settings: Settings | None) -> AsyncIterator[Kept]:
    if settings is None:
        yield InMemory()
        return
    connection = await Connection.open(settings)
    tools = await KeyTools.open(connection, settings)
    reading = LearnerKeys(tools, writes=False)
    store = await CassandraStore.open(connection, LearnerKeys(tools, writes=True), lambda _tenant: 10 * 365 * 86_400)
    yield InCassandra(tools, store, await HistoryReader.open(connection, reading), reading)
    await connection.close()


@pytest.fixture
def learner() -> Learner:
    """A learner of a tenant whom no other test knows."""
    return Learner(f"tenant-{uuid.uuid4()}", "learner-1")


def key_in(life: Life, learner: Learner, thread: int = 1) -> ThreadKey:
    return ThreadKey(life.of(learner), uid(1, thread))


async def test_a_learner_of_whom_nothing_is_kept_is_in_the_first_life(kept: Kept, learner: Learner) -> None:
    """Alive, from the log's beginning on, for the worker and for readers."""
    assert await kept.store.load_lives([learner]) == {learner: FIRST_LIFE}
    assert await kept.history.learner(*learner) == FIRST_LIFE.of(learner)


async def test_many_lives_are_asked_for_at_once(kept: Kept, learner: Learner) -> None:
    """Each learner's own."""
    other = learner._replace(learner_id="learner-2")
    await kept.end(other, 1)
    assert await kept.store.load_lives([learner, other]) == {learner: FIRST_LIFE, other: Life(1, alive=False)}
    assert await kept.store.load_lives([]) == {}


async def test_what_a_living_learner_has_is_read(kept: Kept, learner: Learner) -> None:
    """By the worker and by readers, letter by letter."""
    key = key_in(FIRST_LIFE, learner)
    await kept.write(key)
    loaded = (await kept.store.load_threads([key]))[key].thread
    assert loaded is not None
    assert loaded.details == shown_thread().details
    assert (await kept.store.read_messages([(key, 1)]))[key, 1] == _message()
    found = await kept.store.find_commands({key.learner: [uid(3, 1)]})
    assert found[key.learner, uid(3, 1)].outcome == '["{}", 1]'
    assert await kept.store.load_lives([learner]) == {learner: FIRST_LIFE}
    assert [one.thread_id for one in await kept.history.threads(key.learner, 9)] == [key.thread_id]
    assert await kept.history.last_seq(key) == 1
    assert len(await kept.history.messages(key, 1, 9)) == 1


async def test_of_an_erased_learner_nothing_is_there(kept: Kept, learner: Learner) -> None:
    """As of one that was never there, though the rows still are."""
    key = key_in(FIRST_LIFE, learner)
    await kept.write(key)
    await kept.end(learner, 1)
    assert await kept.store.load_lives([learner]) == {learner: Life(1, alive=False)}
    history = kept.history
    assert await history.learner(*learner) is None
    assert await history.thread(key) is None
    assert await history.last_seq(key) is None
    assert await history.threads(key.learner, 9) == []
    assert await history.messages(key, 1, 9) == []
    assert await history.message(key, uid(2, 1)) is None


async def test_no_word_may_stand_of_what_was_deleted_or_erased(kept: Kept, learner: Learner) -> None:
    """As of now, whoever looked before."""
    here, there, nowhere = (ThreadKey(FIRST_LIFE.of(learner), uid(1, number)) for number in (1, 2, 3))
    for key in (here, there):
        await kept.write(key)
    (loaded,) = (await kept.store.load_threads([there])).values()
    assert loaded.thread is not None
    deleted = loaded.thread._replace(status=Status.DELETED, write_time=loaded.thread.write_time + 1)
    await kept.store.commit([ThreadWrite(there, deleted, [], details=True)])
    assert await kept.store.gone([here, there, nowhere]) == ({there}, set())
    await kept.end(learner, 1, noticed=False)
    assert await kept.store.gone([here, there, nowhere]) == (set(), {here, there, nowhere})


async def test_who_was_erased_before_the_first_command_is_erased(kept: Kept, learner: Learner) -> None:
    """A life that was never begun does not begin after its end."""
    await kept.end(learner, 1)
    await kept.end(learner, 1)
    await kept.write(key_in(FIRST_LIFE, learner))
    assert await kept.store.load_lives([learner]) == {learner: Life(1, alive=False)}
    assert await kept.history.thread(key_in(FIRST_LIFE, learner)) is None


async def test_an_enrolled_learner_has_another_life(kept: Kept, learner: Learner) -> None:
    """What is written in the new one is read, and nothing of the old one."""
    old, life = key_in(FIRST_LIFE, learner), Life(2, alive=True, since=77)
    await kept.write(old)
    await kept.end(learner, 1)
    await kept.enrol(learner, life)
    assert await kept.store.load_lives([learner]) == {learner: life}
    new = key_in(life, learner, 2)
    await kept.write(new)
    assert await kept.history.learner(*learner) == life.of(learner)
    assert await kept.history.last_seq(new) == 1
    assert [one.thread_id for one in await kept.history.threads(new.learner, 9)] == [new.thread_id]
    assert await kept.history.thread(old) is None
    assert await kept.history.messages(old, 1, 9) == []
    assert await kept.store.load_lives([learner]) == {learner: life}
