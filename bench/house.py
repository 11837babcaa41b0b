"""Where contenders play: topics that they share, and tables, made when somebody comes who needs them."""

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from cassandra.query import BatchStatement, BatchType
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bench.workload import Place
from chat import topics
from chat.broker import Place as Partition
from chat.broker import broker
from chat.domain.model import FIRST_GENERATION, FIRST_LIFE, Details, Learner, LearnerId, Status, Thread, ThreadKey
from chat.errors import StorageUnavailable
from chat.kafka import librdkafka
from chat.privacy.envelope import new_key
from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings, load
from chat.storage import migrate
from chat.storage.cassandra_store import CassandraStore
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.lives import State
from chat.storage.session import Connection
from chat.storage.writes import ThreadWrite
from chat.topic_specs import Topic

PARTITIONS = 8
HOUR_MS = 3_600_000
FOLDER = "BENCH_FOLDER"
"""The setting that names a folder for whoever wants to keep something from play to play."""

AT_ONCE = 250
"""Threads made side by side: the servers have just started."""

PAUSE = 0.1
TRIES = 5
FINDING_COORDINATOR = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}

OWNER = "INSERT INTO thread_owners (tenant_id, thread_id, learner_id, generation) VALUES (?, ?, ?, ?)"
KEY = """INSERT INTO learner_keys (subject, generation, state, version, epoch, wrapped, since, made_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
"""Plain writes, where the service has lightweight transactions: here nobody competes."""

TOGETHER = 50
"""Of them in one batch."""


class Furnish(Protocol):
    """Makes tables, with these threads where they are looked for; its name is theirs."""

    __name__: str

    def __call__(self, settings: Settings, places: Sequence[Place]) -> None:
        """Returns when they are there."""
        ...


class House:
    """Settings for whoever plays; the environment, which processes started from then on inherit, says the same."""

    def __init__(self, addresses: Addresses, places: Sequence[Place], partitions: int = PARTITIONS) -> None:
        self._name = f"bench_{uuid.uuid4().hex[:8]}"
        self._addresses = addresses
        self._places = places
        self._partitions = partitions
        self._made: set[Furnish] = set()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="chat-bench-house-")
        (Path(self._folder.name) / "keys").mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def enter(self, furnish: Furnish) -> Settings:
        """A consumer group that nobody has used before and that begins at the end of the topics.

        Those who are furnished alike have the same tables.
        """
        os.environ |= self._environment(furnish.__name__)
        settings = load()
        if furnish not in self._made:
            furnish(settings, self._places)
            self._made.add(furnish)
        _begin_at_end(settings)
        return settings

    def _environment(self, tables: str) -> dict[str, str]:
        folder = Path(self._folder.name)
        keys = folder / "keys"
        return {
            "KAFKA_BOOTSTRAP_SERVERS": str(self._addresses.kafka),
            "CASSANDRA_CONTACT_POINTS": ",".join(self._addresses.cassandra),
            "CASSANDRA_PORT": str(self._addresses.cassandra_port),
            "CASSANDRA_KEYSPACE": f"{self._name}_{tables}",
            "CONSUMER_GROUP": f"{self._name}_{uuid.uuid4().hex[:8]}",
            "TOPIC_PARTITIONS": str(self._partitions),
            "MAX_MESSAGES_PER_THREAD": "0",
            "METRICS_PORT": str(free_port()),
            "API_PORT": str(free_port()),
            "API_WORKERS": "1",
            "ENABLE_RATE_LIMITING": "false",
            "JWT_SECRET_KEY": "a secret of the benchmark, 32 bytes long at least",
            "JWT_JWKS_URL": "",
            "KEK_FOLDER": str(keys),
            "SIGNING_KEY_FILE": str(keys / "signing.pem"),
            "EXPORT_FOLDER": str(keys / "exports"),
            "LOG_LEVEL": "INFO",
            FOLDER: str(folder),
        }


def tables(settings: Settings, places: Sequence[Place]) -> None:  # noqa: ARG001 - a `Furnish`
    """For those who do not ask whether a thread is there."""
    asyncio.run(_tables(settings))


def tables_and_threads(settings: Settings, places: Sequence[Place]) -> None:
    """For the service."""
    asyncio.run(_furnish(settings, places))


async def _tables(settings: Settings) -> None:
    await migrate.migrate(settings)
    await topics.apply(settings)


async def _furnish(settings: Settings, places: Sequence[Place]) -> None:
    await _tables(settings)
    connection = await Connection.open(settings)
    try:
        keys = await LearnerKeys.open(connection, settings, writes=True)
        making = _Making(
            connection,
            keys,
            await KeyTools.open(connection, settings),
            await CassandraStore.open(connection, keys, lambda _tenant: 1),
            await connection.prepare(OWNER),
            await connection.prepare(KEY),
        )
        for start in range(0, len(places), AT_ONCE):
            await _patiently(partial(making.make, places[start : start + AT_ONCE]))
    finally:
        await connection.close()


class _Making(NamedTuple):
    """Makes threads, and keys of their learners who have none yet."""

    connection: Connection
    keys: LearnerKeys
    tools: KeyTools
    store: CassandraStore
    owner: Any
    key: Any

    async def make(self, places: Sequence[Place]) -> None:
        """Raises `StorageUnavailable`; may be called again."""
        await self._make_keys({Learner(one.tenant_id, one.learner_id) for one in places})
        await self._write(self.owner, [_owner(one) for one in places])
        threads = [stored_thread(one) for one in places]
        await self.store.commit(threads)
        await self.store.write_list(threads)

    async def _make_keys(self, learners: Collection[Learner]) -> None:
        lacking = [one for one, held in (await self.keys.find(learners)).items() if not held.cells.has_key]
        epoch = await self.tools.current()
        await self._write(self.key, [await self._key(epoch, one) for one in lacking])
        for one in lacking:
            self.keys.forget(one)

    async def _key(self, epoch: str, learner: Learner) -> tuple[Any, ...]:
        whose = self.tools.life_key(FIRST_LIFE.of(learner))
        wrapped = await self.tools.wrap(whose, epoch, new_key(), 1)
        return (*whose, State.LIVE, *wrapped, FIRST_LIFE.since, int(time.time() * 1000))

    async def _write(self, statement: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        batches = []
        for start in range(0, len(rows), TOGETHER):
            some, batch = rows[start : start + TOGETHER], BatchStatement(BatchType.UNLOGGED)
            batch.add_all([statement] * len(some), some)
            batches.append(batch)
        await self.connection.execute_all((batch, None) for batch in batches)


async def _patiently(write: Callable[[], Awaitable[None]]) -> None:
    """Writes it again while Cassandra is late, as it is on a busy machine when many learners get their keys at once."""
    for _ in range(TRIES):
        try:
            return await write()
        except StorageUnavailable:
            await asyncio.sleep(PAUSE)
    return await write()


def _owner(at: Place) -> tuple[str, uuid.UUID, str, int]:
    return at.tenant_id, uuid.UUID(at.thread_id), at.learner_id, FIRST_GENERATION


def _begin_at_end(settings: Settings) -> None:
    every = [Partition(Topic.COMMANDS, number) for number in range(settings.topic_partitions)]
    consumer = Consumer(librdkafka(settings) | {"group.id": settings.consumer_group, "enable.auto.commit": False})
    ends = broker(settings).ends(every)
    at: list[Any] = [TopicPartition(str(one.topic), one.partition, end) for one, end in ends.items()]
    while not _committed(consumer, at):
        time.sleep(PAUSE)
    consumer.close()


def _committed(consumer: Consumer, at: list[Any]) -> bool:
    """False while the group's coordinator is still being found, as it is when its topic was only just made."""
    try:
        consumer.commit(offsets=at, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() not in FINDING_COORDINATOR:
            raise
        return False
    return True


def stored_thread(at: Place) -> ThreadWrite:
    """A thread without messages, as if made an hour ago at the beginning of the log."""
    key = ThreadKey(LearnerId(at.tenant_id, at.learner_id, FIRST_GENERATION), at.thread_id)
    created = int(time.time() * 1000) - HOUR_MS
    details = Details("Fractions", "{}", "teacher", created, created)
    micros = created * 1000
    thread = Thread(at.thread_id, details, Status.LIVE, 0, 0, 0, micros, micros, created)
    return ThreadWrite(key, thread, [], details=True)
