"""Fences end and begin lives at one place in the log, for this run and every later one; nobody can forge one."""

from collections.abc import Sequence
from typing import Any

import pytest

from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, ThreadKey
from chat.domain.position import position
from chat.domain.privacy import Kind, Request, RequestKey
from chat.storage.lives import KeptLife
from streams.memory import Memory
from streams.publish import Outgoing
from tests.memory_lives import MemoryLives
from tests.records import SUBJECTS, Log, token, uid
from tests.way import MemoryPublisher, World

LEARNER = Learner("tenant-1", "learner-1")
SUBJECT = SUBJECTS.of(LEARNER)
THREAD = uid(1, 1)


def request(kind: Kind = Kind.DELETION, learner: Learner = LEARNER) -> Request:
    """A request that is kept."""
    return Request(
        key=RequestKey("tenant-1", uid(4, 1)),
        kind=kind,
        subject=SUBJECTS.of(learner),
        learner_id=learner.learner_id,
        command_id=uid(3, 99),
        reason="",
        reason_code="",
        actor="officer-1",
        position=1,
        partition=0,
        offset=0,
        digest=b"",
        headers=(),
        requested_at=0,
        updated_at=0,
    )


def world(kind: Kind = Kind.DELETION, learner: Learner = LEARNER) -> World:
    """One that has accepted a request."""
    made = World()
    one = request(kind, learner)
    made.requests.kept[one.key] = one
    return made


def fence(log: Log, generation: int = 1, bearer: str | None = None, asked_by: str = uid(4, 1)) -> int:
    """Sends a fence; its position."""
    sent = log.send("FenceLearner", bearer, command_id=uid(3, 98), request_id=asked_by, generation=generation)
    return position(1, sent.offset)


def create(log: Log, number: int, **changes: str) -> int:
    """Sends a CreateThread; its position."""
    fields = {"command_id": uid(3, number), "thread_id": uid(1, number), "title": "Fractions", **changes}
    return position(1, log.send("CreateThread", **fields).offset)


def end(world: World) -> None:
    """Ends the first life, as an erasure does before it sends its fence."""
    world.lives.kept[SUBJECT] = KeptLife(FIRST_LIFE._replace(alive=False))


class SlowPublisher(MemoryPublisher):
    """Takes so long that meanwhile an erasure ends the second life."""

    def __init__(self, lives: MemoryLives) -> None:
        super().__init__()
        self._lives = lives

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        await self._lives.end(SUBJECT, 2)
        await super().publish(topic, partition, records)


def test_the_fence_of_an_ended_life_is_noted_and_all_is_refused() -> None:
    """Before it and behind it; what is said of the fence itself is nothing."""
    log, erased = Log(), world()
    create(log, 1)
    where = fence(log)
    create(log, 2)
    end(erased)
    erased.run(log.records)
    assert erased.codes() == ["learner_erased"] * 2
    assert erased.events() == []
    assert erased.lives.kept[SUBJECT].ended == where


async def test_an_owner_forgets_what_it_knew_with_the_fence() -> None:
    """It had the life in mind as one that goes on; one trip later nothing of the learner is in its memory."""
    log, erased = Log(), world()
    create(log, 1)
    way, memory = erased._way(), Memory()
    stale = LearnerId(*LEARNER, 1)
    await way.go(memory, log.records)
    assert stale in memory
    end(erased)
    fence(log)
    await way.go(memory, log.records[1:])
    assert stale not in memory
    assert not memory.knows(ThreadKey(stale, uid(1, 1)))


def test_a_life_begins_behind_its_fence() -> None:
    """In one trip and read again: what is before the fence is refused, the rest is of a new generation."""
    log, enrolled = Log(), world(Kind.ENROLMENT)
    end(enrolled)
    create(log, 1)
    where = fence(log, generation=2)
    create(log, 2)
    for _ in range(2):
        enrolled.run(log.records)
    assert enrolled.lives.kept[SUBJECT].life == Life(2, alive=True, since=where)
    assert enrolled.codes() == ["learner_erased"] * 2
    assert {one.fields["data"]["thread_id"] for one in enrolled.events()} == {uid(1, 2)}
    assert {key.learner.generation for key in enrolled.store.threads} == {2}


def test_a_fence_read_again_moves_nothing() -> None:
    """A second one of the same enrolment, and the first one behind a later erasure."""
    log, enrolled = Log(), world(Kind.ENROLMENT)
    end(enrolled)
    where = fence(log, generation=2)
    fence(log, generation=2)
    enrolled.run(log.records)
    assert enrolled.lives.kept[SUBJECT].life == Life(2, since=where)
    enrolled.lives.kept[SUBJECT] = KeptLife(Life(2, alive=False, since=where), None, where + 9)
    enrolled.run(log.records)
    assert enrolled.lives.kept[SUBJECT] == KeptLife(Life(2, alive=False, since=where), None, where + 9)


def test_the_fence_that_begins_a_life_says_nothing_of_its_end() -> None:
    """An erasure that overtakes the trip with it waits for its own, also where the log is read again."""
    log, enrolled = Log(), world(Kind.ENROLMENT)
    end(enrolled)
    enrolled.publisher = SlowPublisher(enrolled.lives)
    over = Life(2, alive=False, since=fence(log, generation=2))
    create(log, 2)
    enrolled.run(log.records)
    assert enrolled.lives.kept[SUBJECT] == KeptLife(over)
    erasure = request()._replace(key=RequestKey("tenant-1", uid(4, 2)))
    enrolled.requests.kept[erasure.key] = erasure
    where = fence(log, generation=2, asked_by=uid(4, 2))
    enrolled.run(log.records)
    assert enrolled.lives.kept[SUBJECT] == KeptLife(over, None, where)


@pytest.mark.parametrize("generation", [1, 3])
def test_no_life_begins_but_the_next(generation: int) -> None:
    """A fence of another generation leaves the learner erased."""
    log, enrolled = Log(), world(Kind.ENROLMENT)
    end(enrolled)
    fence(log, generation)
    enrolled.run(log.records)
    assert not enrolled.lives.kept[SUBJECT].life.alive


@pytest.mark.parametrize(
    "unfounded",
    [World(), world(Kind.EXPORT), world(learner=LEARNER._replace(learner_id="learner-2"))],
    ids=["no request", "an export", "another learner's"],
)
def test_a_fence_without_a_request_is_refused(unfounded: World) -> None:
    """Its seal alone is not enough."""
    log = Log()
    fence(log)
    create(log, 1)
    unfounded.run(log.records)
    assert unfounded.codes() == ["invalid"]
    assert [one.type for one in unfounded.events()] == ["CHAT_THREAD_CREATED"]


def test_a_fence_without_the_seal_is_refused() -> None:
    """Whatever its token lets one do."""
    log, erased = Log(), world()
    fence(log, bearer=token(user="officer-1", role="compliance"))
    erased.run(log.records)
    assert erased.codes() == ["unauthenticated"]
    assert SUBJECT not in erased.lives.kept


@pytest.mark.parametrize("changes", [{"generation": 0}, {"request_id": "none"}])
def test_a_fence_that_says_nonsense_is_invalid(changes: dict[str, Any]) -> None:
    """As any command is."""
    log, erased = Log(), world()
    fields: dict[str, Any] = {"command_id": uid(3, 98), "request_id": uid(4, 1), "generation": 1, **changes}
    log.send("FenceLearner", **fields)
    erased.run(log.records)
    assert erased.codes() == ["invalid"]
