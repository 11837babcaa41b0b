"""What worker and API read and write with, over a real Cassandra."""

from chat.settings import Settings
from chat.storage.cassandra_store import CassandraStore
from chat.storage.learner_keys import LearnerKeys
from chat.storage.reads import HistoryReader
from chat.storage.session import Connection


async def store_of(connection: Connection, settings: Settings, retention: int) -> CassandraStore:
    """The worker's store; `retention` in seconds."""
    keys = await LearnerKeys.open(connection, settings, writes=True)
    return await CassandraStore.open(connection, keys, lambda _tenant: retention)


async def history_of(connection: Connection, settings: Settings) -> HistoryReader:
    """The API's history."""
    return await HistoryReader.open(connection, await LearnerKeys.open(connection, settings, writes=False))
