"""Whether every record has exactly the outcome that the contract gives it."""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.oracle.findings import Finding
from tests.oracle.intents import Logged
from tests.oracle.model import EVENTS as EVENT_TYPES
from tests.oracle.model import Expected, same_json
from tests.oracle.source import TOPIC
from tests.oracle.topics import DEAD_LETTER, EVENTS, REJECTIONS, Said
from tests.oracle.watch import Sample

KINDS = {EVENTS: "applied", REJECTIONS: "refused", DEAD_LETTER: "dead_letter"}
LATE = "learner_erased"
Place = tuple[int, int]
NOWHERE = (-1, -1)
"""Of a refusal that is of no command, but of a privacy command."""
Found = Mapping[Place, Sequence[Said]]


def match(log: Iterable[Logged], said: Iterable[Said]) -> tuple[Found, list[Finding]]:
    """What was said of each record, by its partition and offset; and what was said of none. No Kafka tombstones."""
    by_number = {str(one.intent.number): one.place for one in log}
    found: defaultdict[Place, list[Said]] = defaultdict(list)
    aliens = []
    for one in said:
        if one.is_tombstone:
            continue
        place = by_number.get(one.header("correlation-id"))
        if place is not None and claims(one) in (None, place):
            found[place].append(one)
        else:
            aliens.append(Finding("alien", f"{one.name} is of no record"))
    return found, aliens


def check(expected: Iterable[Expected], found: Found, ended: Container[Place] = ()) -> Iterator[Finding]:
    """Compares what was said with what had to be said. `ended` are records of lives that ended behind them: a second
    run may find them over.
    """
    for one in expected:
        said = found.get(one.logged.place, ())
        if one.logged.place in ended:
            said = _of_ended(one, said)
        if not said:
            yield Finding("lost", f"{_name(one.logged)} has no outcome, not even {one.kind} {one.code}")
            continue
        if len({each.topic for each in said}) > 1:
            yield Finding("two_outcomes", f"{_name(one.logged)}: {', then '.join(map(_outcome, said))}")
        problem = _difference(one, said[0])
        if problem:
            yield Finding("wrong_outcome", f"{_name(one.logged)}: {problem}")
        yield from _repeats(said)


def check_once(found: Found) -> Iterator[Finding]:
    """Nothing was said twice, on whichever topics."""
    for said in found.values():
        for again in said[1:]:
            yield Finding("double", f"{again.name} says once more what {said[0].name} says")


def _of_ended(one: Expected, said: Sequence[Said]) -> Sequence[Said]:
    """Without what a second run said of a life that was over by then.

    A run that came no further than its refusals had judged by a life that went on, and by rows that it never wrote;
    where the next one refused them all, what the first had said of some is no contradiction.
    """
    if one.code == LATE and any(map(is_late, said)):
        return [each for each in said if each.topic != REJECTIONS or is_late(each)]
    return [*said[:1], *(each for each in said[1:] if not is_late(each))]


def late_ones_last(found: Found) -> Found:
    """Where all was read again after lives had ended: a refusal for that came last, whichever topic was read first."""
    return {place: sorted(said, key=is_late) for place, said in found.items()}


def is_late(said: Said) -> bool:
    """Whether it refuses a record since its learner's life is over."""
    return said.topic == REJECTIONS and said.record.fields["code"] == LATE


def check_commits(samples: Iterable[Sample], expected: Iterable[Expected], found: Found) -> Iterator[Finding]:
    """No offset was ever committed past a record whose outcome was not there."""
    waiting = sorted((one.logged for one in expected), key=lambda one: one.place)
    by_home: defaultdict[int, deque[Logged]] = defaultdict(deque)
    for one in waiting:
        by_home[one.partition].append(one)
    for sample in samples:
        for partition, committed in sample.committed.items():
            behind = by_home[partition]
            while behind and behind[0].offset < committed:
                one = behind.popleft()
                said = found.get(one.place)
                first = said[0] if said else None
                if first is None or first.offset >= sample.ends[first.topic, first.partition]:
                    yield Finding("early_commit", f"{committed} was committed before {_name(one)} had an outcome")


def claims(said: Said) -> Place | None:
    """The record that a refusal or dead letter says that it is of; an event says nothing of it."""
    if said.topic == REJECTIONS:
        fields = said.record.fields
        return (fields["partition"], fields["offset"]) if fields["topic"] == TOPIC else NOWHERE
    if said.topic == DEAD_LETTER:
        return int(said.header("x-source-partition")), int(said.header("x-source-offset"))
    return None


def _difference(one: Expected, said: Said) -> str:
    """What is wrong with a first outcome, or nothing."""
    kind = KINDS[said.topic]
    if kind != one.kind:
        return f"{_outcome(said)}, expected is {one.kind} {one.code}"
    return {"applied": _event, "refused": _refusal, "dead_letter": _dead_letter}[kind](one, said)


def _event(one: Expected, said: Said) -> str:
    logged, event = one.logged, said.record.fields
    wanted: dict[str, Any] = {
        "event_id": one.event_id,
        "event_type": EVENT_TYPES[logged.intent.type],
        "tenant_id": logged.intent.learner[0],
        "learner_id": logged.intent.learner[1],
        "timestamp": logged.timestamp,
        "command_id": logged.intent.fields["command_id"],
    }
    if said.key != one.key.encode() or said.partition != logged.partition:
        return "the event has another key or partition"
    return differing({**wanted, **one.data}, {**event, **event["data"]})


def _refusal(one: Expected, said: Said) -> str:
    intent = one.logged.intent
    wanted = {name: intent.fields[name] for name in ("command_id", "tenant_id", "learner_id")}
    wanted |= {"code": one.code, "event_id": one.event_id, "timestamp": one.logged.timestamp}
    if said.key != "/".join(intent.learner).encode():
        return "the refusal has another key"
    return differing(wanted, said.record.fields)


def _dead_letter(one: Expected, said: Said) -> str:
    intent = one.logged.intent
    if (said.key, said.value, said.partition) != (intent.key, intent.value, one.logged.partition):
        return "the dead letter has another key, value or partition"
    if said.header("authorization"):
        return "the dead letter carries the token"
    wanted = {"x-error-code": one.code, "x-source-topic": TOPIC, "x-source-timestamp": str(one.logged.timestamp)}
    return differing(wanted, {name: said.header(name) for name in wanted})


def _repeats(said: Sequence[Said]) -> Iterator[Finding]:
    """What is said again is said byte for byte."""
    for again in said[1:]:
        if again.topic == said[0].topic and (again.key, again.value) != (said[0].key, said[0].value):
            yield Finding("repeat", f"{again.name} repeats {said[0].name} with another key or value")


def differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The names of what differs, with both values."""
    wrong = [name for name, value in wanted.items() if not _same(name, value, found.get(name))]
    return "; ".join(f"{name} is {found.get(name)!r:.60}, expected is {wanted[name]!r:.60}" for name in wrong)


def _same(name: str, one: Any, other: Any) -> bool:
    if name == "metadata" and isinstance(other, str):
        return same_json(one, other)
    return bool(one == other)


def _outcome(said: Said) -> str:
    code = said.record.fields["code"] if said.topic == REJECTIONS else said.header("x-error-code")
    return f"{KINDS[said.topic]} {code}".strip()


def _name(one: Logged) -> str:
    return f"record {one.intent.number} ({one.intent.type or 'junk'}) at {one.partition}/{one.offset}"
