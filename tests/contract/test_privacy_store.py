"""One suite for privacy requests in memory and in Cassandra: what workers and the read side stand on."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.domain.privacy import Kind, Request, RequestKey, State
from chat.ids import new_id
from chat.settings import Settings
from chat.storage import privacy_store
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.memory_privacy import MemoryRequests
from chat.storage.privacy_store import Entry, ListedAt, Noted, NotedAt, shard_of
from chat.storage.session import Connection
from tests.records import SUBJECTS
from tests.wait import until_async

NOW = int(time.time() * 1000)
LONG = 60
TERM = 2
"""Seconds of a lease that runs out: Cassandra counts in whole ones, so that one of 1 may end at once."""

Store = MemoryRequests | CassandraRequests


@pytest.fixture(params=["memory", "cassandra"])
def where(request: pytest.FixtureRequest) -> Settings | None:
    """None for the store in memory, else the settings that lead to the real one."""
    return None if request.param == "memory" else request.getfixturevalue("fresh")


@pytest_asyncio.fixture
async def store(where: Settings | None) -> AsyncIterator[Store]:
    if where is None:
        yield MemoryRequests(SUBJECTS)
        return
    connection = await Connection.open(where)
    try:
        yield await CassandraRequests.open(connection)
    finally:
        await connection.close()


def _request(**changes: object) -> Request:
    """A request of a learner whom no other test has."""
    made = Request(
        key=RequestKey("tenant-1", new_id()),
        kind=Kind.EXPORT,
        subject=uuid.uuid4().bytes * 2,
        learner_id="learner-1",
        command_id=new_id(),
        reason="access",
        reason_code="access",
        actor="officer-1",
        position=1 << 48,
        partition=3,
        offset=0,
        digest=b"d" * 16,
        headers=(("correlation-id", b"c-1"), ("traceparent", b"00-1")),
        requested_at=NOW,
        updated_at=NOW,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


async def _accepted(store: Store, **changes: object) -> Request:
    request = _request(**changes)
    assert await store.accept(request) == request
    await store.enlist(request)
    await store.queue(request)
    return request


async def _ended(store: Store, request: Request, holder: str = "worker-1") -> Request:
    assert await store.lease(request.key, holder, LONG) is not None
    ended = request.moved(NOW + 5, state=State.COMPLETED, step="last", receipt='{"items":7}', notes="n")
    assert await store.save(ended, holder)
    await store.close(ended)
    return ended


async def _saved(store: Store, changed: Request) -> bool:
    """Whether a lease was long enough to save it: where the machine stalls its term is over before."""
    leased = await store.lease(changed.key, "worker-1", TERM) is not None
    return leased and await store.save(changed, "worker-1")


async def _open(store: Store, request: Request) -> list[RequestKey]:
    """Those unfinished in the request's shard that are of its learner."""
    found = await store.unfinished(shard_of(request.subject))
    return [one.key for one in found if one.subject == request.subject]


async def test_a_request_is_kept_as_it_was_accepted(store: Store) -> None:
    """It comes back whole, by its own id, by its command's, and in its learner's list."""
    request = await _accepted(store)
    assert await store.find(request.key) == request
    assert await store.find_command(request.subject, request.command_id) == request
    assert await store.requests("tenant-1", request.subject, 9) == [request]
    assert await _open(store, request) == [request.key]


async def test_what_was_never_asked_is_not_found(store: Store) -> None:
    """Neither by id, nor in another tenant, nor by another learner's command."""
    request = await _accepted(store)
    assert await store.find(RequestKey("tenant-2", request.key.request_id)) is None
    assert await store.find_command(b"x" * 32, request.command_id) is None
    assert await store.find_command(request.subject, new_id()) is None


async def test_a_taken_id_gives_the_request_that_has_it(store: Store) -> None:
    """The second to ask is told of the first, and its own command made nothing."""
    first = await _accepted(store)
    second = _request(key=first.key)
    assert await store.accept(second) == first
    assert await store.find_command(second.subject, second.command_id) is None


async def test_of_many_that_ask_at_once_one_is_kept(store: Store) -> None:
    """Learners that race for one request_id all hear of the same winner."""
    key = RequestKey("tenant-1", new_id())
    kept = await asyncio.gather(*(store.accept(_request(key=key)) for _ in range(8)))
    assert len({one.subject for one in kept}) == 1


async def test_one_worker_at_a_time_has_a_request(store: Store) -> None:
    """Of many that want the lease one gets it, the same one may ask again, and nobody leases what is not there."""
    request = await _accepted(store)
    answers = await asyncio.gather(*(store.lease(request.key, f"worker-{n}", LONG) for n in range(8)))
    assert [one for one in answers if one is not None] == [request]
    assert await store.lease(RequestKey("tenant-1", new_id()), "worker-1", LONG) is None


async def test_a_lease_runs_out_by_itself(store: Store) -> None:
    """Then it is another's, and the first can neither renew it nor save anything."""
    request = await _accepted(store)
    assert await store.lease(request.key, "worker-1", 1) == request
    taken = await until_async(lambda: store.lease(request.key, "worker-2", LONG), what="the end of the lease")
    assert taken == request
    assert not await store.renew(request.key, "worker-1", LONG)
    assert not await store.save(request.moved(NOW, state=State.RUNNING), "worker-1")
    assert await store.find(request.key) == request


async def test_a_renewed_lease_outlives_its_first_term(store: Store) -> None:
    """Its holder may save behind the end of the first term, and another still cannot have it."""
    request = await _accepted(store)
    first = await _accepted(store)

    async def renewed() -> bool:
        leased = await store.lease(request.key, "worker-1", TERM) is not None
        return leased and await store.renew(request.key, "worker-1", LONG)

    await until_async(renewed, what="a renewal within the first term")
    assert await store.lease(first.key, "worker-1", TERM) is not None
    await until_async(lambda: store.lease(first.key, "worker-2", LONG), what="the end of a lease of the same term")
    assert await store.lease(request.key, "worker-2", LONG) is None
    assert await store.save(request.moved(NOW, state=State.RUNNING), "worker-1")


async def test_a_saved_state_outlives_the_lease(store: Store) -> None:
    """What is saved under a lease does not run out with it."""
    request = await _accepted(store)
    saved = request.moved(NOW + 1, state=State.WAITING, step="pack", notes='{"page":3}', reason_code="kafka")
    await until_async(lambda: _saved(store, saved), what="a save within a lease")
    assert await until_async(lambda: store.lease(request.key, "worker-2", LONG), what="the end of the lease") == saved


async def test_a_save_that_comes_late_takes_nothing_back(store: Store) -> None:
    """As that of a node that slept: what was saved later stays; said again at once it is the same save."""
    request = await _accepted(store)
    assert await store.lease(request.key, "worker-1", LONG) is not None
    early = request.moved(NOW, state=State.RUNNING, step="gather")
    later = early.moved(NOW, state=State.RUNNING, step="pack")
    assert await store.save(early, "worker-1")
    assert await store.save(early, "worker-1")
    assert await store.save(later, "worker-1")
    assert not await store.save(early, "worker-1")
    assert await store.find(request.key) == later


async def test_a_closed_request_is_off_the_unfinished_and_forgets_its_learner(store: Store) -> None:
    """Its receipt, state and place in the list stay; its learner's id, headers and notes go."""
    request = await _accepted(store)
    ended = await _ended(store, request)
    kept = ended._replace(learner_id="", headers=(), notes="")
    assert await store.find(request.key) == kept
    assert await store.requests("tenant-1", request.subject, 9) == [kept]
    assert await _open(store, request) == []
    assert await store.lease(request.key, "worker-2", LONG) == kept, "the lease was given back"


async def test_what_is_closed_stays_closed(store: Store) -> None:
    """A record that is read again queues nothing that has ended, and a second close changes nothing."""
    request = await _accepted(store)
    ended = await _ended(store, request)
    await store.queue(request)
    assert await _open(store, request) == []
    await store.close(ended)
    assert await store.find(request.key) == ended._replace(learner_id="", headers=(), notes="")


async def test_whose_lease_is_lost_empties_what_it_closes(store: Store) -> None:
    """Whoever has the lease by then: nothing is off the unfinished that still knows its learner."""
    request = await _accepted(store)
    ended = request.moved(NOW + 5, state=State.HELD, step="last", notes="n")
    await until_async(lambda: _saved(store, ended), what="a save within a lease")
    assert await until_async(lambda: store.lease(request.key, "worker-2", LONG), what="the end of the lease") == ended
    for _ in range(2):
        await store.close(ended)
        assert await _open(store, request) == []
        assert await store.find(request.key) == ended._replace(learner_id="", headers=(), notes="")


async def test_what_has_not_ended_is_not_closed(store: Store) -> None:
    """Whatever its caller believes: it is kept as it was, stays unfinished, and its lease is its holder's."""
    request = await _accepted(store)
    assert await store.lease(request.key, "worker-1", LONG) is not None
    await store.close(request.moved(NOW + 5, state=State.COMPLETED))
    assert await store.find(request.key) == request
    assert await _open(store, request) == [request.key]
    assert await store.renew(request.key, "worker-1", LONG)


async def test_the_unfinished_come_oldest_first_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page behind page gives each of a shard's requests once, in the order of their times."""
    subject = uuid.uuid4().bytes * 2
    asked = [await _accepted(store, subject=subject, requested_at=NOW + 7 - number) for number in range(5)]
    monkeypatch.setattr("chat.storage.memory_privacy.PAGE", 2)
    found, last = [], None
    while page := await store.unfinished(shard_of(subject), last):
        found += [one.key for one in page if one.subject == subject]
        last = page[-1]
    assert found == [one.key for one in reversed(asked)]
    assert len(asked) < privacy_store.PAGE


async def test_a_learners_list_is_paged_newest_first(store: Store) -> None:
    """Page behind page gives each once, also where two are of one millisecond, and never another learner's."""
    subject = uuid.uuid4().bytes * 2
    asked = [await _accepted(store, subject=subject, requested_at=NOW + number // 2) for number in range(5)]
    await _accepted(store)
    found: list[Request] = []
    while page := await store.requests("tenant-1", subject, 2, _place(found)):
        found += page
    assert {one.key for one in found} == {one.key for one in asked}
    assert len(found) == len(asked)
    assert [one.requested_at for one in found] == sorted((one.requested_at for one in asked), reverse=True)


def _place(found: list[Request]) -> ListedAt | None:
    return ListedAt(found[-1].requested_at, found[-1].key.request_id) if found else None


def _entry(request: Request, number: int, **changes: object) -> Entry:
    made = Entry(request.kind, request.subject, NOW + number, request.key.request_id, "officer-1", "requested", "", "c")
    return made._replace(**changes)  # type: ignore[arg-type]


async def test_an_entry_is_in_the_audit_once(store: Store) -> None:
    """However often it is noted; oldest first with its request, newest first in pages with its learner's others."""
    request = _request()
    other = _request(subject=request.subject, kind=Kind.DELETION)
    noted = [_entry(request, 1), _entry(other, 2), _entry(request, 3, action="completed", actor="")]
    for entry in [*noted, *noted]:
        await store.note(entry)
    assert [(one.at, one.action) for one in await store.audit_of(request)] == [
        (NOW + 1, "requested"),
        (NOW + 3, "completed"),
    ]
    assert len(await store.audit_of(other)) == 1
    assert await store.noted(_entry(request, 3, action="completed", code="")) == ""
    assert await store.noted(_entry(request, 3)) is None
    found: list[Noted] = []
    while page := await store.audit(request.subject, 2, NotedAt(found[-1].at, found[-1].entry) if found else None):
        found += page
    assert [(one.at, one.request_id) for one in found] == [(entry.at, entry.request_id) for entry in reversed(noted)]


async def test_the_subject_is_the_learners_and_the_tenants(store: Store) -> None:
    """Two learners, or one id in two tenants, never share it; asked again it is the same."""
    names = [("tenant-1", "learner-1"), ("tenant-1", "learner-2"), ("tenant-2", "learner-1")]
    subjects = [await store.subject(*name) for name in names]
    assert len(set(subjects)) == len(names)
    assert subjects == [await store.subject(*name) for name in names]
