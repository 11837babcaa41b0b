"""Edits against deletes in every order, then an owner of long ago that wakes and writes all of it once more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest

from chat.domain.model import LearnerId, Status, ThreadKey
from chat.settings import Settings
from chat.storage.store import Store
from tests.oracle.tables import Tables, session_of
from tests.records import Log, token, uid
from tests.way import World

LEARNER = LearnerId("tenant-1", "learner-1", 1)
USER = "admin-1"
ORDERS = list(permutations(("PostMessage", "EditMessage", "DeleteMessage", "MarkRead", "DeleteThread")))
WRITES = frozenset({"write_messages", "commit", "write_list", "purge"})
BODIES: dict[str, dict[str, Any]] = {
    "PostMessage": {"content": "posted"},
    "EditMessage": {"content": "edited"},
    "MarkRead": {"seq": 1},
}


class OldOwner:
    """A store that keeps what is written through it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: list[Callable[[], Awaitable[None]]] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return self._noting(call) if name in WRITES else call

    def _noting(self, call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def once(*values: Any) -> None:
            self._written.append(lambda: call(*values))
            await call(*values)

        return once

    async def write_again(self, order: Callable[[Sequence[Any]], Iterator[Any]]) -> int:
        """Writes all of it once more, as `order` has it; how many writes that were."""
        for write in order(self._written):
            await write()
        return len(self._written)


def _key(number: int) -> ThreadKey:
    return ThreadKey(LEARNER, uid(1, number))


def _log() -> Log:
    """For each order a thread of its own, in which the commands come in that order."""
    log = Log()
    bearer = token(user=USER, role="admin")
    for number, order in enumerate(ORDERS, start=1):
        ids = {"thread_id": uid(1, number), "message_id": uid(2, number)}
        for step, record_type in enumerate(("CreateThread", *order)):
            thread = {"thread_id": ids["thread_id"]}
            named = ids if record_type.endswith("Message") else thread
            body = {"title": "a thread"} if record_type == "CreateThread" else BODIES.get(record_type, {})
            log.send(record_type, bearer=bearer, command_id=uid(3, number * 10 + step), **named, **body)
    return log


class Expected:
    """What an order leaves, told as simply as it can be: `content` and `mark` are None where there is no row."""

    def __init__(self, order: Sequence[str]) -> None:
        self.posted = self.husk = self.gone = False
        self.content: str | None = None
        self.mark: int | None = None
        for record_type in order:
            self._take(record_type)

    def _take(self, record_type: str) -> None:
        if record_type == "DeleteThread":
            self.gone, self.posted, self.content, self.mark = True, False, None, None
        elif record_type == "PostMessage" and not self.gone:
            self.posted, self.content = True, "posted"
        elif self.posted and record_type == "MarkRead":
            self.mark = 1
        elif self.posted and record_type == "DeleteMessage":
            self.husk, self.content = True, None
        elif self.posted and record_type == "EditMessage" and not self.husk:
            self.content = "edited"


async def _assert_as_expected(store: Store) -> None:
    threads = await store.load_threads([_key(number) for number in range(1, len(ORDERS) + 1)])
    places = {(key, 1): number for number, key in enumerate(threads, start=1)}
    messages = await store.read_messages(list(places))
    marks = await store.read_marks([(key, USER) for key in threads])
    for number, (order, key) in enumerate(zip(ORDERS, threads, strict=True), start=1):
        wanted, found = Expected(order), messages.get((key, 1))
        assert threads[key].messages.taken == ({uid(2, number)} if wanted.posted else set()), order
        assert (found is not None) == wanted.posted, order
        assert found is None or (found.content, found.deleted_at is not None) == (wanted.content, wanted.husk), order
        assert marks.get((key, USER)) == wanted.mark, order
        thread = threads[key].thread
        assert thread is not None
        assert (thread.status is Status.DELETED) == wanted.gone, order


def _rows(where: Settings | None, store: Any) -> dict[str, Any]:
    """Every row with its write time."""
    if where is None:
        return {name: dict(table) for name, table in vars(store).items() if isinstance(table, dict)}
    with session_of(where) as session:
        return Tables(session).dump()


@pytest.mark.parametrize("chunk", [1, 7, 250])
async def test_no_order_of_edits_and_deletes_leaves_a_ghost(where: Settings | None, store: Store, chunk: int) -> None:
    """Whatever came first, what was deleted stays deleted, also when everything is written late once more."""
    owner, log = OldOwner(store), _log()
    world = World(store=owner)  # type: ignore[arg-type]
    await world.go(log.records, chunk)
    await _assert_as_expected(store)
    before = await asyncio.to_thread(_rows, where, store)
    for order in (reversed, iter):
        assert await owner.write_again(order) > 0
        await _assert_as_expected(store)
        assert await asyncio.to_thread(_rows, where, store) == before
