"""Whether events come in the log's order, and what the Kafka tombstones among them leave."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.oracle.findings import Finding
from tests.oracle.model import Expected, Model
from tests.oracle.state import Thread
from tests.oracle.topics import EVENTS, Said, by_partition

CONTENT = frozenset({"PostMessage", "EditMessage", "DeleteMessage"})
"""Commands whose events a second run cannot say again once their thread is gone. A mark it can, with a tombstone
behind it.
"""


ALWAYS = -1
"""What an erased life did may be left out by any second run: its records are refused then."""


class _Line(NamedTuple):
    """The applied commands of a partition in the log's order, and how far from each of them the next may be skipped."""

    places: dict[str, int]
    deletion: list[int | None]

    def may_skip(self, last: int, at: int, furthest: int) -> bool:
        """Whether a second run may say nothing between two events: all of it was deleted, and that was said before."""
        skipped = self.deletion[last + 1 : at]
        return all(deleted is not None and deleted <= furthest for deleted in skipped)


def check(model: Model, expected: Sequence[Expected], said: Sequence[Said], *, overlapping: bool) -> Iterator[Finding]:
    """Events come in the log's order, and again only as a second run of the log from some place on.

    `overlapping`: two owners may have been at it at once, as when one was asleep; then what was said already may be
    said at any place, and first appearances alone must be in order.
    """
    erased = frozenset(thread.key for thread in model.threads.values() if thread.erased)
    yield from _order(_lines(expected, erased), said, overlapping=overlapping)
    yield from _tombstones(model, said, overlapping=overlapping)
    if not overlapping:
        yield from _last_words(model, expected, said)


def settled(expected: Iterable[Expected]) -> int:
    """How many applied commands a second run of the whole log says nothing of: what they did was deleted since."""
    return sum(deleted is not None for line in _lines(expected).values() for deleted in line.deletion)


def _order(lines: Mapping[int, _Line], said: Sequence[Said], *, overlapping: bool) -> Iterator[Finding]:
    for records in by_partition(said, EVENTS):
        line = lines.get(records[0].partition, _Line({}, []))
        furthest = last = -1
        for record in records:
            at = line.places.get(record.header("correlation-id"))
            if at is None:
                continue  # a tombstone, or alien or wrong: found elsewhere
            skips = at > last + 1 and not overlapping and not line.may_skip(last, at, furthest)
            if at > furthest + 1 or skips:
                yield Finding("order", f"{record.name}: event {at} of its partition after {last} of {furthest}")
            furthest, last = max(furthest, at), at


def _lines(expected: Iterable[Expected], erased: frozenset[str] = frozenset()) -> dict[int, _Line]:
    lines: defaultdict[int, _Line] = defaultdict(lambda: _Line({}, []))
    content: defaultdict[str, list[int]] = defaultdict(list)
    for one in expected:  # in the log's order
        if one.kind != "applied":
            continue
        intent, line = one.logged.intent, lines[one.logged.partition]
        at = line.places[str(intent.number)] = len(line.places)
        thread = "/".join((*intent.learner, intent.fields["thread_id"]))
        line.deletion.append(ALWAYS if thread in erased else None)
        if intent.type in CONTENT:
            content[thread].append(at)
        if intent.type == "DeleteThread":
            for each in () if thread in erased else content[thread]:
                line.deletion[each] = at
    return lines


def _tombstones(model: Model, said: Iterable[Said], *, overlapping: bool) -> Iterator[Finding]:
    """A deleted thread's messages and marks end in a tombstone each, and nothing else has one.

    But the thread itself may, where one who was `overlapping` said something of it after its successor had deleted it.
    """
    last: dict[str, Said] = {}
    buried: defaultdict[str, int] = defaultdict(int)
    for one in _in_order(said):
        key = (one.key or b"").decode()
        last[key] = one
        buried[key] += one.is_tombstone
    deleted = {key: thread for thread in model.threads.values() if thread.deleted for key in thread.silenced_keys()}
    for key, thread in deleted.items():
        problem = _alive(key, thread, last.get(key))
        if problem:
            yield Finding("tombstone", problem)
    late = {thread.key for thread in model.threads.values() if thread.deleted and overlapping}
    for key, count in buried.items():
        if count and key not in deleted.keys() | late and not _of_ended(model, key):
            yield Finding("tombstone", f"{key} has {count} and was not deleted with its thread")


def _in_order(said: Iterable[Said]) -> list[Said]:
    return sorted((one for one in said if one.topic == EVENTS), key=lambda one: (one.partition, one.offset))


def _last_words(model: Model, expected: Iterable[Expected], said: Iterable[Said]) -> Iterator[Finding]:
    """What compaction leaves of a key that lives on is the event of its last command."""
    living = {key for thread in model.threads.values() if not thread.deleted for key in thread.silenced_keys()}
    living |= {thread.key for thread in model.threads.values() if not thread.erased}
    wanted = {one.key: str(one.logged.intent.number) for one in expected if one.key in living}
    last = {(one.key or b"").decode(): one for one in _in_order(said)}
    for key, number in wanted.items():
        if key in last and last[key].header("correlation-id") != number:
            yield Finding("order", f"{key}: the last word is {last[key].name}, expected is that on record {number}")


def _of_ended(model: Model, key: str) -> bool:
    """Whether it is of an ended life that only claimed the thread: a death kept its event back, or it is another's."""
    tenant, learner, thread_id, *_ = key.split("/")
    life, thread = model.lives[tenant, learner], model.threads.get((tenant, thread_id))
    has_ended = life.generation > 1 or not life.alive
    return has_ended and (thread is None or thread.erased or thread.learner != (tenant, learner))


def _alive(key: str, thread: Thread, last: Said | None) -> str:
    """What is wrong with the last record of a key of a deleted thread, or nothing."""
    if last is None:
        return f"{key} is on no event and has no tombstone"
    if not last.is_tombstone:
        return f"{key} of what was deleted ({thread.deleted_at}) or erased is alive again in {last.name}"
    return ""
