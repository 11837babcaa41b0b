"""What became of a command, read from the records that the service puts on its topics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import schemas
from chat.sdk.record import Identity
from chat.topic_specs import Topic

DUPLICATE = "duplicate"


class OutcomeKind(StrEnum):
    """The three ways in which a command ends."""

    APPLIED = "applied"
    REFUSED = "refused"
    DEAD_LETTER = "dead_letter"


class Position(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One command's end; `topic`, `partition` and `offset` are those of its own record.

    `code` says why it was refused or a dead letter, `detail` the same as a sentence. `event_id` is that of the event;
    a `duplicate` has the first outcome's.
    """

    command_id: str | None
    outcome: OutcomeKind
    code: str | None
    event_id: str | None
    topic: str
    partition: int
    offset: int
    detail: str | None = None

    @property
    def succeeded(self) -> bool:
        """True where the command has taken effect, now or before."""
        return self.outcome is OutcomeKind.APPLIED or self.code == DUPLICATE


class Verdict(NamedTuple):
    """What one record says of a command, which it names by position (refusals, dead letters) or identity (events).

    `time` is when Kafka took the command, in milliseconds, where that is known.
    """

    outcome: OutcomeKind
    code: str | None
    detail: str | None
    event_id: str | None
    position: Position | None
    identity: Identity | None
    time: int | None = None


class Heard(NamedTuple):
    """A record of one of the topics below; `time` is its timestamp, that of its command."""

    topic: str
    value: bytes | None
    headers: Mapping[str, bytes | None]
    time: int | None = None


def verdict(heard: Heard) -> Verdict | None:
    """The verdict in a record; None where it has none, or is of a version that this program does not know."""
    return READERS[heard.topic](heard)


def _event(heard: Heard) -> Verdict | None:
    fields = _fields(heard)
    if fields is None or "event_type" not in fields:
        return None
    identity = (fields["tenant_id"], fields["learner_id"], fields["command_id"])
    return Verdict(OutcomeKind.APPLIED, None, None, fields["event_id"], None, identity, heard.time)


def _refusal(heard: Heard) -> Verdict | None:
    fields = _fields(heard)
    if fields is None:
        return None
    position = Position(fields["topic"], fields["partition"], fields["offset"])
    return Verdict(OutcomeKind.REFUSED, fields["code"], fields["detail"], fields["event_id"], position, None)


def _dead_letter(heard: Heard) -> Verdict | None:
    said = {name: (value or b"").decode(errors="replace") for name, value in heard.headers.items()}
    try:
        position = Position(said["x-source-topic"], int(said["x-source-partition"]), int(said["x-source-offset"]))
    except (KeyError, ValueError):  # put there by somebody else
        return None
    code, detail = said.get("x-error-code"), said.get("x-error-detail")
    return Verdict(OutcomeKind.DEAD_LETTER, code, detail, None, position, None)


def _fields(heard: Heard) -> dict[str, Any] | None:
    try:
        return schemas.decode(heard.value, headers=heard.headers.items()).fields
    except schemas.CodecError:
        return None


READERS: Mapping[str, Callable[[Heard], Verdict | None]] = {
    Topic.EVENTS: _event,
    Topic.REJECTIONS: _refusal,
    Topic.DEAD_LETTER: _dead_letter,
}
"""The topics on which outcomes are said."""
