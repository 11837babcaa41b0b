"""Properties of the way of a command, over any log."""

from collections import defaultdict
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import schemas
from chat.domain.model import LearnerId, Status
from streams import memory
from streams.publish import Outgoing
from tests.drawn import COMMANDS, PEOPLE, Drawn, begun, send
from tests.dying import dying
from tests.records import Log
from tests.way import NarrowStore, World

LOGS = st.lists(COMMANDS, min_size=8, max_size=40)
MINGLED = st.lists(
    st.builds(lambda drawn, whose: (drawn[0], whose, *drawn[2:]), COMMANDS, st.sampled_from(PEOPLE)),
    min_size=8,
    max_size=60,
)
"""The same, everybody's as often."""

SHARES = st.one_of(st.integers(1, 20_000), st.just(2**20))


def _log(commands: Drawn) -> Log:
    log = begun()
    for number, drawn in enumerate(commands, start=1):
        send(log, number, drawn)
    return log


def _state(world: World) -> list[dict[Any, Any]]:
    """A copy of every table."""
    names = ("messages", "commands", "threads", "seqs", "listed", "owners", "marks")
    return [dict(getattr(world.store, name)) for name in names]


def _by_id(world: World) -> dict[str, set[tuple[bytes | None, bytes]]]:
    """Every event by its id: more than one key or value would be a contradiction."""
    events: defaultdict[str, set[tuple[bytes | None, bytes]]] = defaultdict(set)
    for one in world.publisher.records("chat.events"):
        if one.value is not None:
            events[schemas.decode(one.value).fields["event_id"]].add((one.key, one.value))
    return dict(events)


def _ids(world: World) -> list[str]:
    return [one.fields["event_id"] for one in world.events()]


def _assert_in_order(replayed: list[Outgoing], live: list[Outgoing]) -> None:
    """What is said again was said before, byte for byte and in the same order; what was deleted since is left out.

    Kafka tombstones come at their chunk's end, wherever that is this time, and for nothing new.
    """
    before = iter((one.key, one.value) for one in _spoken(live))
    assert all((one.key, one.value) in before for one in _spoken(replayed))
    assert {one.key for one in replayed if one.value is None} <= {one.key for one in live if one.value is None}


def _refused(world: World) -> dict[tuple[int, int], set[tuple[str, str | None]]]:
    """The code of each refused record and the event that it points to: more than one would be a contradiction."""
    refused: defaultdict[tuple[int, int], set[tuple[str, str | None]]] = defaultdict(set)
    for fields in (one.fields for one in world.refusals()):
        refused[fields["partition"], fields["offset"]].add((fields["code"], fields["event_id"]))
    return dict(refused)


def _said(world: World) -> dict[tuple[str, int], list[Outgoing]]:
    """Everything on the events, by partition."""
    return {place: list(records) for place, records in world.publisher.topics.items() if place[0] == "chat.events"}


def _compacted(world: World) -> dict[bytes | None, bytes | None]:
    """What compaction leaves of the events: each key's last value."""
    last = {one.key: one.value for one in world.publisher.records("chat.events")}
    return {key: value for key, value in last.items() if value is not None}


@settings(max_examples=150, deadline=None)
@given(LOGS, st.integers(1, 10), st.integers(1, 10))
def test_replay_is_live(commands: Drawn, size: int, again: int) -> None:
    """A log read again from its beginning leaves every row and write time as it was, and repeats events in order."""
    log = _log(commands)
    world = World()
    world.run(log.records, size)
    before, first = _state(world), _ids(world)
    applied = {partition: len(records) for partition, records in world.publisher.topics.items()}
    compacted, refused = _compacted(world), _refused(world)
    world.run(log.records, again)
    assert _state(world) == before
    for place, records in world.publisher.topics.items():
        if place[0] == "chat.events":
            live, replayed = records[: applied[place]], records[applied[place] :]
            _assert_in_order(replayed, live)
    assert set(_ids(world)) == set(first)
    assert _refused(world) == refused
    assert _compacted(world) == compacted


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 10))
def test_commands_sent_twice_are_as_once(commands: Drawn, size: int) -> None:
    """Every applied command sent again is refused, changes no row and puts nothing on the events."""
    log = _log(commands)
    world = World()
    world.run(log.records, size)
    events, rows = _ids(world), _state(world)
    refused = _refused(world)
    applied = [one for one in log.records if (one.partition, one.offset) not in refused]
    seen = len(log.records)
    for one in applied:
        log.append(one.value, one.key, one.partition, one.headers)
    world.run(log.records, size)
    assert _state(world) == rows
    assert set(_ids(world)) == set(events)
    later = {(one.partition, one.offset) for one in log.records[seen:]}
    codes = [one.fields["code"] for one in world.refusals() if (one.fields["partition"], one.fields["offset"]) in later]
    assert codes == ["duplicate"] * len(applied)


@settings(max_examples=60, deadline=None)
@given(MINGLED, st.integers(1, 10))
def test_no_tenant_crosses(commands: Drawn, size: int) -> None:
    """However two tenants' commands interleave, each has the rows, write times and outcomes that it has alone."""
    log = _log(commands)
    both = World()
    both.run(log.records, size)
    for tenant in ("tenant-1", "tenant-2"):
        _assert_as_alone(both, log, size, f"{tenant}/")


@settings(max_examples=60, deadline=None)
@given(MINGLED, st.integers(1, 10))
def test_no_learner_crosses(commands: Drawn, size: int) -> None:
    """Nor do two learners' of a tenant, who name each other's threads; ids for new threads alone are shared."""
    log = _log([one for one in commands if one[0] != "CreateThread"])
    both = World()
    both.run(log.records, size)
    for tenant, learner in PEOPLE:
        _assert_as_alone(both, log, size, f"{tenant}/{learner}")


def _assert_as_alone(both: World, log: Log, size: int, whose: str) -> None:
    alone = World()
    mine = [one for one in log.records if one.key is not None and one.key.startswith(whose.encode())]
    alone.run(mine, size)
    assert _of(both, whose) == _state(alone)
    places = {(one.partition, one.offset) for one in mine}
    assert {place: codes for place, codes in _refused(both).items() if place in places} == _refused(alone)
    for place, records in _said(both).items():
        said = [one for one in records if one.key is not None and one.key.startswith(whose.encode())]
        assert _spoken(said) == _spoken(_said(alone).get(place, []))
    mine_left = {
        key: value for key, value in _compacted(both).items() if key is not None and key.startswith(whose.encode())
    }
    assert mine_left == _compacted(alone)


def _of(world: World, whose: str) -> list[dict[Any, Any]]:
    """The rows of a tenant or learner."""
    return [{key: one for key, one in table.items() if _owner(key, one).startswith(whose)} for table in _state(world)]


def _owner(key: Any, row: Any) -> str:
    """Tenant and learner of a row, by its key or, where that says its tenant only, by its value."""
    while not isinstance(key, LearnerId):
        key = key[0] if isinstance(key[0], tuple) else row
    return f"{key.tenant_id}/{key.learner_id}"


@settings(max_examples=100, deadline=None)
@given(MINGLED, st.integers(1, 10), st.integers(1, 60))
def test_chunks_change_nothing(commands: Drawn, size: int, other: int) -> None:
    """However a log is cut into chunks, it leads to the same rows, write times, refusals and compacted events."""
    log = _log(commands)
    one, two = World(), World()
    one.run(log.records, size)
    two.run(log.records, other)
    assert _state(one) == _state(two)
    assert _refused(one) == _refused(two)
    assert _compacted(one) == _compacted(two)
    for place, records in _said(one).items():
        assert _spoken(records) == _spoken(_said(two)[place])


@settings(max_examples=100, deadline=None)
@given(MINGLED, st.integers(1, 10), st.integers(0, 3), st.integers(1, 4), st.integers(0, 4), SHARES, SHARES)
def test_what_is_remembered_changes_nothing(  # noqa: PLR0917 - each is one way to know less
    commands: Drawn, size: int, few: int, worth: int, most: int, share: int, recent: int
) -> None:
    """However few ids and messages a worker reads or keeps, and however often it forgets, a log leads to the same."""
    log = _log(commands)
    whole = World(recent=0)
    narrow = World(store=NarrowStore(few), share=share, recent=recent)
    whole.run(log.records, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "WORTH_READING", worth)
        patch.setattr(memory, "MOST_IDS", most)
        narrow.run(log.records, size)
        narrow.run(log.records, size)
    whole.run(log.records, size)
    assert _state(narrow) == _state(whole)
    assert _refused(narrow) == _refused(whole)
    assert _said(narrow) == _said(whole)


def _spoken(records: list[Outgoing]) -> list[Outgoing]:
    """Without Kafka tombstones, which come at their chunk's end."""
    return [one for one in records if one.value is not None]


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 10))
def test_seq_has_no_gap(commands: Drawn, size: int) -> None:
    """Every living thread's messages are numbered 1 to its last seq, each exactly once; a deleted one has none."""
    world = World()
    world.run(_log(commands).records, size)
    for key, written in world.store.threads.items():
        seqs = sorted(seq for thread, seq in world.store.messages if thread == key)
        alive = written.value.status is Status.LIVE
        assert seqs == (list(range(1, written.value.last_seq + 1)) if alive else [])


_FIRST = ("tenant-1", "learner-1")
CHANGED_LATE: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("EditMessage", _FIRST, None, None, 1, "b", "admin"),
    ("MarkRead", _FIRST, None, None, 2, "a", "admin"),
    ("DeleteMessage", _FIRST, None, None, 1, "a", "admin"),
    ("UpdateThread", _FIRST, None, None, 1, "b", "admin"),
    ("DeleteThread", _FIRST, None, None, 1, "a", "admin"),
]
EXPIRED: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("MarkRead", _FIRST, None, None, 2, "a", "admin"),
    ("ExpireThread", _FIRST, None, None, 2, "a", "admin"),
    ("PostMessage", _FIRST, None, None, 2, "a", "admin"),
]

# In one chunk with what is judged next, although the table did not have the first one's effect yet.
DELETED_THEN_EDITED: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("DeleteMessage", _FIRST, None, None, 1, "a", "admin"),
    ("EditMessage", _FIRST, None, None, 1, "b", "admin"),
]
# Refused for what the next command of its chunk changes.
REFUSED_THEN_GONE: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("EditMessage", _FIRST, None, None, 1, "b", "teacher"),
    ("DeleteMessage", _FIRST, None, None, 1, "a", "admin"),
]
# Read again one by one, after all of them had been committed as one.
POSTED_THEN_GONE: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("MarkRead", _FIRST, None, None, 2, "a", "admin"),
    ("DeleteThread", _FIRST, None, None, 1, "a", "admin"),
]
MARKED_THEN_BEHIND: Drawn = [
    ("PostMessage", _FIRST, None, None, 1, "a", "admin"),
    ("PostMessage", _FIRST, None, None, 2, "a", "admin"),
    ("MarkRead", _FIRST, None, None, 3, "a", "admin"),
    ("MarkRead", _FIRST, None, None, 2, "a", "admin"),
]


def _crashed(log: Log, size: int, life: int) -> World | None:
    """What a worker that died after `life` calls left behind; None where it came to the end."""
    world = World()
    with dying(world, life) as death:
        world.run(log.records, size)
    return world if death.came else None


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(COMMANDS, min_size=8, max_size=16), st.integers(1, 12), st.integers(1, 12))
@example(CHANGED_LATE, 1, 2)
@example(EXPIRED, 1, 2)
@example(EXPIRED, 9, 4)
@example(DELETED_THEN_EDITED, 4, 5)
@example(MARKED_THEN_BEHIND, 5, 6)
@example(REFUSED_THEN_GONE, 5, 1)
@example(POSTED_THEN_GONE, 9, 1)
def test_a_crash_anywhere_changes_nothing(commands: Drawn, size: int, again: int) -> None:
    """Died after any write and read again in other chunks, a log leads to the same rows, events and refusals."""
    log = _log(commands)
    whole = World()
    whole.run(log.records, size)
    for life in count(1):
        broken = _crashed(log, size, life)
        if broken is None:
            return
        broken.run(log.records, again)
        assert _state(broken) == _state(whole)
        assert _by_id(broken) == _by_id(whole)
        assert _compacted(broken) == _compacted(whole)
        assert _refused(broken) == _refused(whole)
