"""Thousands of hostile commands in more than thirty classes: none is applied, and the good ones between them are."""

from collections import Counter
from collections.abc import Iterable

import pytest

from streams.publish import Outgoing
from tests.hostile_commands import CONTROL, KINDS, Tried, batch
from tests.records import Log
from tests.way import World

Position = tuple[int, int]


@pytest.fixture(scope="module")
def tried() -> list[Tried]:
    return batch()


@pytest.fixture(scope="module")
def world(tried: list[Tried]) -> World:
    """A worker to which all of it came."""
    log = Log()
    for one in tried:
        log.append(*one.attempt)
    world = World()
    world.run(log.records)
    return world


def positions(tried: Iterable[Tried]) -> dict[Position, str]:
    """Where each lies in the log, and its kind."""
    ends: Counter[int] = Counter()
    found = {}
    for one in tried:
        found[one.attempt.partition, ends[one.attempt.partition]] = one.kind
        ends[one.attempt.partition] += 1
    return found


def test_none_is_applied(tried: list[Tried], world: World) -> None:
    """Whatever is hostile is refused or a dead letter; whatever is good is neither, and has its event."""
    kinds = positions(tried)
    refused = [(one.fields["partition"], one.fields["offset"]) for one in world.refusals()]
    letters = [_source(one) for one in world.publisher.records("chat.dead-letter")]
    assert [kinds[one] for one in (*refused, *letters) if kinds[one] == CONTROL] == []
    assert Counter([*refused, *letters]) == Counter(one for one, kind in kinds.items() if kind != CONTROL)
    assert len(world.events()) == sum(kind == CONTROL for kind in kinds.values())


def _source(letter: Outgoing) -> Position:
    headers = dict(letter.headers)
    return int(headers["x-source-partition"] or b""), int(headers["x-source-offset"] or b"")


def test_there_are_enough(tried: list[Tried]) -> None:
    """More than 1,000 different commands in more than 20 classes, of 20 and more each, and a control behind each."""
    counts = Counter(one.kind for one in tried)
    controls = counts.pop(CONTROL)
    assert counts.keys() == KINDS.keys()
    assert len(counts) >= 20
    assert min(counts.values()) >= 20
    assert len({one.attempt for one in tried if one.kind != CONTROL}) >= 1_000
    assert controls > len(counts)


def test_every_code_is_met(world: World) -> None:
    """The hostile ones fail at every check of a command, so none of them stands in for all."""
    met = {"unauthenticated", "token_expired", "wrong_tenant", "key_mismatch", "out_of_scope", "forbidden", "invalid"}
    assert set(world.codes()) >= met | {"thread_not_found", "message_exists"}
