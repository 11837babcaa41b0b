"""A keyspace of one's own, with all tables and nothing in them."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.migrate import migrate
from chat.storage.session import Connection
from tests.records import settings_for_tests


@contextmanager
def keyspace(servers: Addresses, *, dropped: bool = True, **changes: object) -> Iterator[Settings]:
    """Settings of a keyspace that is dropped at the end, unless told otherwise; no topics are made."""
    settings = settings_for_tests(
        kafka_bootstrap_servers=(str(servers.kafka),),
        cassandra_contact_points=servers.cassandra,
        cassandra_port=servers.cassandra_port,
        cassandra_keyspace=f"api_{uuid.uuid4().hex[:12]}",
        **changes,
    )
    asyncio.run(migrate(settings))
    yield settings
    if dropped:
        asyncio.run(_drop(settings))


async def _drop(settings: Settings) -> None:
    connection = await Connection.open(settings)
    await connection.run(f"DROP KEYSPACE {settings.cassandra_keyspace}")
    await connection.close()
