"""Threads that hold nothing any more: who finds them, how they end, and what saves them."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, pairwise
from typing import Any

import pytest

import schemas
from chat.domain.model import LearnerId, ThreadKey
from chat.domain.partition import learner_key, partition_of
from chat.storage.idle_threads import ListedThread, Slice
from schemas.timestamps import to_text
from streams import expire
from streams.expire import Expiry
from streams.internal import SERVICE, ServiceSeal
from streams.waiting import Waiting
from tests.records import NOW, PARTITIONS, SEAL, Log, token, uid
from tests.wait import until_async
from tests.way import MemoryPublisher, World

THREAD = uid(1, 1)
DAY = 86_400
ACTIVE = NOW + 1
"""When the thread's only message was posted."""


@pytest.fixture
def log() -> Log:
    """A thread with one message, and a clock that goes by days from then on."""
    log = Log()
    log.clock = iter([NOW, ACTIVE, *(ACTIVE + day * DAY * 1000 for day in range(1, 30))])
    log.send("CreateThread", command_id=uid(3, 1), thread_id=THREAD, title="Fractions")
    log.send("PostMessage", command_id=uid(3, 2), thread_id=THREAD, message_id=uid(2, 1), content="one")
    return log


def _expire(log: Log, active_at: int = ACTIVE, **changes: Any) -> None:
    log.send(
        "ExpireThread", **{"command_id": uid(3, 9), "thread_id": THREAD, "active_at": to_text(active_at)} | changes
    )


def _ran(log: Log, retention: int = DAY) -> World:
    world = World(retention=retention)
    world.run(log.records)
    return world


def test_an_idle_thread_ends_as_a_deleted_one_does(log: Log) -> None:
    """It is deleted by the service, everything of it goes, Kafka tombstones first, and its id stays taken."""
    log.send("MarkRead", command_id=uid(3, 3), thread_id=THREAD, seq=1)
    _expire(log)
    log.send("CreateThread", command_id=uid(3, 4), thread_id=THREAD, title="Again")
    world = _ran(log)
    ended = world.events()[-1]
    assert (ended.type, ended.fields["data"]) == ("CHAT_THREAD_DELETED", {"thread_id": THREAD, "deleted_by": SERVICE})
    tombstones = {one.key for one in world.publisher.records("chat.events") if one.value is None}
    base = f"tenant-1/learner-1/{THREAD}"
    assert tombstones == {f"{base}/{uid(2, 1)}".encode(), f"{base}/read/teacher-1".encode()}
    assert (world.store.messages, world.store.seqs, world.store.marks, world.store.listed) == ({}, {}, {}, {})
    assert world.codes() == ["thread_exists"]


@pytest.mark.parametrize(
    ("record_type", "fields"),
    [("PostMessage", {"message_id": uid(2, 2), "content": "two"}), ("UpdateThread", {"title": "Decimals"})],
)
def test_whoever_was_active_in_the_meantime_keeps_the_thread(
    log: Log, record_type: str, fields: dict[str, Any]
) -> None:
    """A command between the look and the record wins, however much later the record comes."""
    log.send(record_type, command_id=uid(3, 3), thread_id=THREAD, **fields)
    log.clock = count(ACTIVE + 20 * DAY * 1000)
    _expire(log)
    world = _ran(log)
    assert world.codes() == ["invalid"]
    assert len(world.store.listed) == 1


@pytest.mark.parametrize(("days", "codes"), [(1, []), (2, ["invalid"])])
def test_no_thread_ends_before_its_retention_at_the_brokers_time(log: Log, days: int, codes: list[str]) -> None:
    """A finder whose clock is ahead deletes nothing: the broker's clock decides, to the millisecond."""
    _expire(log)
    assert _ran(log, retention=days * DAY).codes() == codes


def test_asked_for_twice_it_is_a_duplicate(log: Log) -> None:
    """The same look again changes nothing."""
    _expire(log)
    _expire(log)
    assert _ran(log).codes() == ["duplicate"]


@pytest.mark.parametrize("role", ["service", "admin", "compliance"])
def test_no_token_lets_anybody_send_it(log: Log, role: str) -> None:
    """Whatever a token says, it is no seal."""
    everything = ["threads:delete", "messages:moderate", "privacy:delete"]
    _expire(log, bearer=token(role=role, permissions=everything))
    world = _ran(log)
    assert world.codes() == ["unauthenticated"]
    assert len(world.store.listed) == 1


def test_a_seal_is_good_for_its_own_record_only(log: Log) -> None:
    """Under another secret, on another thread's record or twice, it is none."""
    _expire(log)
    good = log.records.pop()
    assert good.value is not None
    another = good.value.replace(THREAD.encode(), uid(1, 2).encode())
    two = (SEAL.header(good.value), SEAL.header(good.value))
    for value, headers in (
        (good.value, (ServiceSeal(b"x" * 32).header(good.value),)),
        (another, good.headers),
        (good.value, two),
        (good.value, ()),
    ):
        log.append(value, good.key, good.partition, headers)
    assert _ran(log).codes() == ["unauthenticated"] * 4


def test_a_sealed_record_must_be_at_home(log: Log) -> None:
    """Not even the service deletes from a lane that is not the learner's."""
    _expire(log)
    good = log.records.pop()
    log.append(good.value, good.key, (good.partition + 1) % PARTITIONS, good.headers)
    assert _ran(log).codes() == ["key_mismatch"]


LEARNERS = [LearnerId(tenant, f"learner-{number}", 1) for tenant in ("tenant-1", "tenant-2") for number in range(4)]


class _Listed:
    """A thread for each learner, active when `active_at` says; those of `full` hold a message."""

    def __init__(self, active_at: int, full: set[LearnerId]) -> None:
        threads = [ThreadKey(one, uid(1, number)) for number, one in enumerate(LEARNERS)]
        self._listed = [ListedThread(key, 1, active_at) for key in threads]
        self._full = full
        self.visited: list[Slice] = []

    async def listed(self, part: Slice) -> AsyncIterator[list[ListedThread]]:
        self.visited.append(part)
        yield self._listed[:3]
        yield self._listed[3:]

    async def holds_messages(self, key: ThreadKey, _last_seq: int) -> bool:
        return key.learner in self._full


def _expiry(idle: _Listed, publisher: MemoryPublisher) -> Expiry:
    retention = {"tenant-1": 1, "tenant-2": 10**9}
    return Expiry(idle, publisher, Waiting(), SEAL, retention.__getitem__, PARTITIONS)  # type: ignore[arg-type]


async def test_only_what_is_old_and_empty_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By each tenant's own retention, on the learner's partition, under its key and the service's seal."""
    monkeypatch.setattr(expire, "PAUSE", 0)
    publisher = MemoryPublisher()
    await _expiry(_Listed(NOW, {LEARNERS[2]}), publisher).visit(Slice(0, 1))
    wanted = {learner for learner in LEARNERS if learner.tenant_id == "tenant-1"} - {LEARNERS[2]}
    decoded = publisher.decoded("chat.commands")
    assert {LearnerId(one.fields["tenant_id"], one.fields["learner_id"], 1) for one in decoded} == wanted
    for (_, partition), records in publisher.topics.items():
        for one in records:
            fields = schemas.decode(one.value).fields
            key = learner_key(fields["tenant_id"], fields["learner_id"]).encode()
            assert (one.key, partition) == (key, partition_of(key, PARTITIONS))
            assert one.headers == [SEAL.header(one.value or b"")]


async def test_a_look_again_makes_the_same_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nobody was active, so that the second is a duplicate; else they are others."""
    monkeypatch.setattr(expire, "PAUSE", 0)
    looks = []
    for active_at in (NOW, NOW, NOW + 1):
        publisher = MemoryPublisher()
        await _expiry(_Listed(active_at, set()), publisher).visit(Slice(0, 1))
        looks.append({one.fields["command_id"] for one in publisher.decoded("chat.commands")})
    assert looks[0] == looks[1]
    assert not looks[0] & looks[2]


async def test_each_owner_walks_all_of_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every slice once before any comes again, and the shares of all partitions make the ring."""
    monkeypatch.setattr(expire, "INTERVAL", 0)
    monkeypatch.setattr(expire, "SLICES", 5)
    idle = _Listed(10**15, set())
    walking = asyncio.create_task(_expiry(idle, MemoryPublisher()).keep(lambda: range(PARTITIONS)))
    walk = 5 * PARTITIONS
    await until_async(lambda: len(idle.visited) >= 2 * walk, what="two walks")
    walking.cancel()
    for visited in (idle.visited[:walk], idle.visited[walk : 2 * walk]):
        assert sorted(visited) == [Slice(number, walk) for number in range(walk)]


@pytest.mark.parametrize("count", [1, 3, 96 * 8])
def test_slices_leave_no_token_out(count: int) -> None:
    """One begins where the other ends, from the ring's first token to its last."""
    bounds = [Slice(number, count).tokens for number in range(count)]
    assert bounds[0][0] == -(2**63)
    assert bounds[-1][1] == 2**63 - 1
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
