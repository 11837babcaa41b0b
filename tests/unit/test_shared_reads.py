"""Reads that are shared: each answer is as new as its caller's question, and one read of a kind goes on at a time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.shared_reads import SharedReads
from chat.domain.model import ThreadKey
from chat.errors import StorageUnavailable
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import client_of, key_of, make_app, message_at, put_conversation, seqs, shown_thread
from tests.records import token

KEY = key_of(1)
MESSAGES = f"/api/v1/threads/{KEY.thread_id}/messages"


class Table:
    """What is read: a version, as it was when the read began, which takes until it is told to land."""

    def __init__(self) -> None:
        self.version = 0
        self.reads = 0
        self.under_way: list[asyncio.Future[None]] = []

    async def read(self) -> int:
        self.reads += 1
        found, landing = self.version, asyncio.get_running_loop().create_future()
        self.under_way.append(landing)
        try:
            await landing
        finally:
            self.under_way.remove(landing)
        return found

    def land(self, error: Exception | None = None) -> None:
        """Ends what is read."""
        for one in self.under_way:
            one.set_exception(error) if error else one.set_result(None)


async def settle() -> None:
    """Lets everybody go as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(shared: SharedReads, table: Table, key: str = "page") -> "asyncio.Task[int]":
    """Somebody who asks, and waits by now."""
    task = asyncio.create_task(shared.read(key, table.read))
    await settle()
    return task


STEPS = ["ask", "ask", "ask", "write", "write", "land", "land", "leave", "fail"]


@given(st.lists(st.sampled_from(STEPS), min_size=20, max_size=40))
async def test_an_answer_is_as_new_as_its_question(steps: list[str]) -> None:
    shared, table = SharedReads(), Table()
    asked: list[tuple[int, asyncio.Task[int]]] = []
    for step in steps:
        if step == "ask":
            asked.append((table.version, await ask(shared, table)))
        elif step == "write":
            table.version += 1
        elif step == "leave" and asked:
            asked.pop()[1].cancel()
        elif step in {"land", "fail"}:
            table.land(StorageUnavailable("told to") if step == "fail" else None)
        await settle()
        assert len(table.under_way) <= 1
    while table.under_way:
        table.land()
        await settle()
    assert not shared._latest
    for known, task in asked:
        assert task.done()
        if task.exception() is None:
            assert task.result() >= known


async def test_who_comes_meanwhile_shares_the_next_read() -> None:
    shared, table = SharedReads(), Table()
    first = await ask(shared, table)
    others = [await ask(shared, table) for _ in range(20)]
    table.version = 1
    table.land()
    await settle()
    table.land()
    assert await first == 0
    assert await asyncio.gather(*others) == [1] * 20
    assert table.reads == 2


async def test_other_keys_are_read_side_by_side() -> None:
    shared, table = SharedReads(), Table()
    tasks = [await ask(shared, table, key) for key in ("a", "b", "c")]
    assert len(table.under_way) == 3
    table.land()
    assert await asyncio.gather(*tasks) == [0, 0, 0]


async def test_a_fault_reaches_those_who_share_it_and_the_next_read_anew() -> None:
    shared, table = SharedReads(), Table()
    first = await ask(shared, table)
    others = [await ask(shared, table) for _ in range(2)]
    table.land()
    await settle()
    last = await ask(shared, table)
    table.land(StorageUnavailable("away"))
    await settle()
    table.land()
    assert (await first, await last) == (0, 0)
    for one in others:
        with pytest.raises(StorageUnavailable):
            await one


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    shared, table = SharedReads(), Table()
    first = await ask(shared, table)
    leaves, stays = await ask(shared, table), await ask(shared, table)
    first.cancel()
    leaves.cancel()
    await settle()
    table.land()
    assert await stays == 0


class SlowHistory(MemoryHistory):
    """Reads a thread's end, and takes its time before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.callers = 0
        self.reads = 0
        self.free = asyncio.Event()
        self.reading = asyncio.Event()

    async def owner(self, tenant_id: str, thread_id: str) -> ThreadKey | None:
        self.callers += 1
        return await super().owner(tenant_id, thread_id)

    async def last_seq(self, key: ThreadKey) -> int | None:
        self.reads += 1
        last = await super().last_seq(key)
        self.reading.set()
        await self.free.wait()
        return last


async def everybody_waits(history: SlowHistory, callers: int) -> None:
    """Returns when so many have asked for a page."""
    while history.callers < callers:  # noqa: ASYNC110 - turns of the event loop, no time
        await asyncio.sleep(0)
    await settle()


async def test_a_page_has_what_was_there_when_it_was_asked_for() -> None:
    """Of 20 who ask for a page while it is read, none misses a message that was written before."""
    history = SlowHistory()
    await put_conversation(history, KEY, 1)
    app = make_app(history)
    early = asyncio.create_task(client_of(app, token()).json(MESSAGES))
    await history.reading.wait()
    await history.put_message(KEY, message_at(2))
    await history.put_thread(KEY, shown_thread(last_seq=2))
    late = [asyncio.create_task(client_of(app, token()).json(MESSAGES)) for _ in range(20)]
    await everybody_waits(history, 21)
    history.free.set()
    assert seqs((await early)["items"]) == [1]
    assert [seqs(page["items"]) for page in await asyncio.gather(*late)] == [[2, 1]] * 20
    assert history.reads == 2


async def test_pages_that_differ_are_not_shared() -> None:
    history = SlowHistory()
    await put_conversation(history, KEY, 5)
    await put_conversation(history, key_of(2), 1)
    client = client_of(make_app(history), token())
    asked = [
        client.json(MESSAGES, limit=2),
        client.json(MESSAGES, limit=3),
        client.json(MESSAGES, after_seq=0, limit=2),
        client.json(f"/api/v1/threads/{key_of(2).thread_id}/messages", limit=2),
    ]
    tasks = [asyncio.create_task(one) for one in asked]
    await everybody_waits(history, 4)
    history.free.set()
    pages = [seqs(page["items"]) for page in await asyncio.gather(*tasks)]
    assert pages == [[5, 4], [5, 4, 3], [1, 2], [1]]
