"""The store in memory and the one in Cassandra, for suites that are run against both."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.settings import Settings
from chat.storage.memory import MemoryStore
from chat.storage.session import Connection
from chat.storage.store import Store
from tests.stores import store_of

RETENTION = 365 * 86_400


@pytest.fixture(params=["memory", "cassandra"])
def where(request: pytest.FixtureRequest) -> Settings | None:
    """None for the store in memory, else the settings that lead to the real one."""
    return None if request.param == "memory" else request.getfixturevalue("fresh")


@pytest_asyncio.fixture
async def store(where: Settings | None) -> AsyncIterator[Store]:
    if where is None:
        yield MemoryStore()
        return
    connection = await Connection.open(where)
    try:
        yield await store_of(connection, where, RETENTION)
    finally:
        await connection.close()
