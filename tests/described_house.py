"""The history that the description's examples speak of: the same ids, with husks, and another tenant's beside it."""

from api import examples
from chat.domain.model import FIRST_GENERATION, LearnerId, ThreadKey
from chat.settings import Settings
from chat.storage.session import Connection
from tests.api_client import message_at, shown_thread
from tests.cassandra_history import CassandraHistory
from tests.records import uid

TENANT = "school-2"
LEARNER = LearnerId(TENANT, "ada", FIRST_GENERATION)
LENGTH = 520
THREADS = 120

(SHOWN,) = examples.ANSWERS["Thread", 200].values()
MESSAGE, HUSK = examples.ANSWERS["Message", 200].values()


async def fill(settings: Settings) -> None:
    """Writes it into an empty keyspace."""
    connection = await Connection.open(settings)
    history = await CassandraHistory.of(connection, settings)
    for number in range(2, THREADS):
        await history.put_thread(ThreadKey(LEARNER, uid(1, number)), shown_thread(number))
    key = ThreadKey(LEARNER, SHOWN["thread_id"])
    await history.put_thread(key, shown_thread(1, LENGTH)._replace(thread_id=key.thread_id))
    ids = {17: MESSAGE["message_id"], 16: HUSK["message_id"]}
    rows = [
        message_at(seq, message_id=ids.get(seq, uid(2, seq)), thread_id=key.thread_id) for seq in range(1, LENGTH + 1)
    ]
    await history.put_messages(
        key, [one._replace(content=None, deleted_at=one.created_at) if one.seq % 16 == 0 else one for one in rows]
    )
    other = ThreadKey(LearnerId("school-3", "emil", FIRST_GENERATION), uid(1, 999))
    await history.put_thread(other, shown_thread(999))
    await connection.close()
