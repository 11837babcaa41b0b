"""More and more rows in the tables, of other learners: they are written past the worker, by the service's own store."""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.growth.curve import Budget, Point
from bench.growth.threads import EACH
from bench.house import stored_thread
from bench.load import Burst
from bench.stage import Stage
from bench.workload import CONTENT, TENANTS, Place, Workload
from chat.domain.commands import PostMessage
from chat.domain.model import FIRST_GENERATION, LearnerId, Message, ThreadKey
from chat.domain.verdict import Remembered
from chat.ids import new_id
from chat.settings import Settings
from chat.storage.cassandra_store import CassandraStore
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection
from chat.storage.writes import CommandWrite, MessageWrite, ThreadWrite

OVER = "rows stored"
ROWS = 3
"""Of a message: itself, its id in its thread, and its command."""

MESSAGES = 500
"""Of a learner, all in one thread: what one learner writes goes in few batches."""

STEP = 100
AT_ONCE = 4
LOADERS = 2
BURST = 20_000
TOUCHED = 2_000
YEAR = 365 * 86_400


def stored(on: Stage, budget: Budget, sizes: Sequence[int]) -> Iterator[Point]:
    """At each number of rows: commands to threads that the worker knows, and to threads that it must load."""
    warm = Workload("stored", 30, threads=5_000, each=EACH)
    fresh = Workload("stored fresh", 31, threads=TOUCHED * len(sizes), each=EACH, used=TOUCHED)
    on.furnish(warm)
    on.furnish(fresh)
    on.send(Burst(warm, warm.threads, touch=True))
    there = 0
    for play, size in enumerate(budget.sizes(OVER, sizes)):
        fill(on.settings, there // ROWS // MESSAGES, size // ROWS // MESSAGES)
        there = size
        yield Point(OVER, "commands/s, warm", size, on.send(Burst(warm, BURST, play)).rate)
        yield Point(OVER, "commands/s, first touch", size, on.send(Burst(fresh, TOUCHED, play, touch=True)).rate)


def fill(settings: Settings, first: int, end: int) -> None:
    """Writes the learners `first` … `end` - 1, from `LOADERS` processes."""
    with ProcessPoolExecutor(LOADERS, get_context("spawn")) as loaders:
        shares = [range(first + number, end, LOADERS) for number in range(LOADERS)]
        list(loaders.map(_fill, [settings] * LOADERS, shares))


def _fill(settings: Settings, learners: range) -> None:
    asyncio.run(_write(settings, learners))


async def _write(settings: Settings, learners: range) -> None:
    connection = await Connection.open(settings)
    try:
        keys = await LearnerKeys.open(connection, settings, writes=True)
        store = await CassandraStore.open(connection, keys, lambda _tenant: YEAR)
        rest = iter(learners)
        await asyncio.gather(*(_one_after_the_other(store, rest) for _ in range(AT_ONCE)))
    finally:
        await connection.close()


async def _one_after_the_other(store: CassandraStore, rest: Iterator[int]) -> None:
    for number in rest:
        at = Place(f"tenant-{number % TENANTS}", f"stored-{number}", new_id())
        learner = LearnerId(at.tenant_id, at.learner_id, FIRST_GENERATION)
        key, thread = ThreadKey(learner, at.thread_id), stored_thread(at).thread
        messages = [_message(key, seq) for seq in range(1, MESSAGES + 1)]
        for start in range(0, MESSAGES, STEP):
            some = messages[start : start + STEP]
            await store.write_messages(some, [_command(one) for one in some])
            await store.commit([ThreadWrite(key, thread, some, details=start == 0)])
        await store.write_list([ThreadWrite(key, thread, [], details=True)])


def _message(key: ThreadKey, seq: int) -> MessageWrite:
    now = int(time.time() * 1000)
    sender = f"learner-of-{key.learner.learner_id}"
    message = Message(new_id(), key.thread_id, seq, sender, CONTENT, "text", None, "{}", now, now)
    return MessageWrite(key, message, now * 1000 + seq)


def _command(one: MessageWrite) -> CommandWrite:
    command_id = new_id()
    digest = hashlib.blake2b(command_id.encode(), digest_size=16).digest()
    remembered = Remembered(PostMessage.kind, digest, one.message.seq)
    return CommandWrite(one.key.learner, command_id, remembered, one.write_time, one.message.created_at)
