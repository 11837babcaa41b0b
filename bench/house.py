"""Topics, keyspace and consumer group that nobody has used before, with every thread of the workloads in place."""

import asyncio
import os
import shutil
import tempfile
import time
import uuid

from confluent_kafka.admin import AdminClient

from bench.workloads import WORKLOADS, Place, places
from chat import topics
from chat.broker import broker
from chat.domain.model import FIRST_GENERATION, Details, LearnerId, Status, Thread, ThreadKey
from chat.kafka import librdkafka
from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings, load
from chat.storage import migrate
from chat.storage.cassandra_store import CassandraStore
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection
from chat.storage.writes import ThreadWrite
from chat.topic_specs import Topic

PARTITIONS = 8
HOUR_MS = 3_600_000
PAUSE = 0.1
AT_ONCE = 250
"""Threads made side by side: the servers have just started."""


def build(addresses: Addresses) -> Settings:
    """Settings of a new house; the environment, which every process started from now on inherits, says the same."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    os.environ |= {
        "KAFKA_BOOTSTRAP_SERVERS": str(addresses.kafka),
        "CASSANDRA_CONTACT_POINTS": ",".join(addresses.cassandra),
        "CASSANDRA_PORT": str(addresses.cassandra_port),
        "CASSANDRA_KEYSPACE": name,
        "CONSUMER_GROUP": name,
        "TOPIC_PARTITIONS": str(PARTITIONS),
        "MAX_MESSAGES_PER_THREAD": "0",
        "METRICS_PORT": str(free_port()),
        "JWT_SECRET_KEY": "a secret of the benchmark, 32 bytes long at least",
        "JWT_JWKS_URL": "",
        "KEK_FOLDER": (keys := tempfile.mkdtemp(prefix="chat-bench-keys-")),
        "SIGNING_KEY_FILE": f"{keys}/signing.pem",
        "EXPORT_FOLDER": f"{keys}/exports",
        "LOG_LEVEL": "INFO",
    }
    settings = load()
    _delete_topics(settings)
    asyncio.run(_furnish(settings))
    return settings


def clear(settings: Settings) -> None:
    """Gives the disk back."""
    asyncio.run(_drop(settings))
    shutil.rmtree(settings.kek_folder)


def _delete_topics(settings: Settings) -> None:
    admin = AdminClient(librdkafka(settings))
    there = list(broker(settings).describe(Topic))
    for deletion in (admin.delete_topics(there) if there else {}).values():
        deletion.result()
    while broker(settings).describe(Topic):
        time.sleep(PAUSE)


async def _furnish(settings: Settings) -> None:
    await migrate.migrate(settings)
    await topics.apply(settings)
    connection = await Connection.open(settings)
    try:
        keys = await LearnerKeys.open(connection, settings, writes=True)
        store = await CassandraStore.open(connection, keys, lambda _tenant: 1)
        threads = [_thread(one) for workload in WORKLOADS for one in places(workload)]
        for start in range(0, len(threads), AT_ONCE):
            await store.commit(threads[start : start + AT_ONCE])
            await store.write_list(threads[start : start + AT_ONCE])
    finally:
        await connection.close()


async def _drop(settings: Settings) -> None:
    connection = await Connection.open(settings)
    try:
        await connection.run(f"DROP KEYSPACE {settings.cassandra_keyspace}")
    finally:
        await connection.close()


def _thread(at: Place) -> ThreadWrite:
    """A thread without messages, as if made an hour ago at the beginning of the log."""
    key = ThreadKey(LearnerId(at.tenant_id, at.learner_id, FIRST_GENERATION), at.thread_id)
    created = int(time.time() * 1000) - HOUR_MS
    details = Details("Fractions", "{}", "teacher", created, created)
    micros = created * 1000
    thread = Thread(at.thread_id, details, Status.LIVE, 0, 0, 0, micros, micros, created)
    return ThreadWrite(key, thread, [], details=True)
