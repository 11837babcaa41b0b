"""A learner with very many messages, written past the worker, in the order of its writes."""

import asyncio
from dataclasses import dataclass

from chat.domain.model import LearnerId, Status, Thread, ThreadKey
from chat.settings import Settings
from chat.storage.cassandra_store import CassandraStore
from chat.storage.session import Connection
from chat.storage.writes import MessageWrite, ThreadWrite
from tests import bundles
from tests.api_client import LEARNER, message_at, shown_thread
from tests.records import NOW, uid
from tests.stores import store_of

YEAR = 365 * 86_400
WORDS = "Can you show me how to add three eighths and one quarter, step by step? "


@dataclass(frozen=True)
class Load:
    """How many threads a learner has, and messages each."""

    threads: int
    messages: int


async def write(settings: Settings, load: Load, learner: LearnerId = bundles.ONE_LIFE) -> None:
    """Every thread, one after the other."""
    connection = await Connection.open(settings)
    store = await store_of(connection, settings, 10 * YEAR)
    for number in range(1, load.threads + 1):
        await write_thread(store, ThreadKey(learner, uid(1, number)), number, load.messages)
    await connection.close()


async def write_thread(store: CassandraStore, key: ThreadKey, number: int, messages: int) -> None:
    """One thread with so many messages."""
    details = shown_thread(number).details
    made = Thread(key.thread_id, details, Status.LIVE, messages, 1, 1, NOW * 1000, NOW * 1000 + messages, NOW)
    rows = [
        MessageWrite(
            key,
            message_at(
                seq,
                number,
                message_id=uid(2, number * 1_000_000 + seq),
                content=f"{WORDS}{seq}",
                sender_id=LEARNER if seq % 2 else "teacher-1",
            ),
            NOW * 1000 + seq,
        )
        for seq in range(1, messages + 1)
    ]
    for start in range(0, messages, 2_000):
        blocks = range(start, min(start + 2_000, messages), 100)
        await asyncio.gather(*(store.write_messages(rows[one : one + 100], []) for one in blocks))
    for start in range(0, messages, 100):
        await store.commit([ThreadWrite(key, made, rows[start : start + 100], details=start == 0)])
    await store.write_list([ThreadWrite(key, made, [], details=True)])
