"""What a record of `chat.events` says to a consumer: something happened, or something is to be forgotten."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import schemas
from chat.domain.events import FLAGGED
from chat.privacy.event_content import HEADER
from chat.sdk.outcome import Position

Headers = Sequence[tuple[str, bytes | None]]


class Entity(NamedTuple):
    """What a record is about: a thread, one of its messages, a user's mark in it, or a privacy request."""

    tenant_id: str
    learner_id: str
    thread_id: str | None = None
    message_id: str | None = None
    user_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the contract has it; `timestamp` is the command's time, UTC.

    `data` holds an entity's whole new state, `metadata` in it as text of JSON. `flagged`: somebody should look at its
    content. `sealed`: its words are sealed, and no opener was given.
    """

    event_id: str
    event_type: str
    entity: Entity
    timestamp: datetime
    command_id: str
    data: Mapping[str, Any]
    flagged: bool
    sealed: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Nothing of this entity may be kept any more: it was deleted, or its learner erased. May come more than once."""

    entity: Entity
    position: Position


Change = Event | Forgotten


class Raw(NamedTuple):
    """A record of `chat.events`."""

    key: bytes
    value: bytes | None
    headers: Headers
    position: Position


def entity(key: bytes) -> Entity | None:
    """What a record's key names; None where it is nobody's: a key without a slash."""
    parts = key.decode().split("/")
    match parts:
        case [tenant, learner, "privacy", request]:
            return Entity(tenant, learner, request_id=request)
        case [tenant, learner, thread]:
            return Entity(tenant, learner, thread)
        case [tenant, learner, thread, message]:
            return Entity(tenant, learner, thread, message)
        case [tenant, learner, thread, "read", user]:
            return Entity(tenant, learner, thread, user_id=user)
    return None


def change(raw: Raw, opened: schemas.Record | None, *, sealed: bool) -> Change | None:
    """The change in a record whose value was `opened`; None where it has none, as the service's own heartbeats."""
    named = entity(raw.key)
    if named is None:
        return None
    if opened is None:
        return Forgotten(named, raw.position)
    fields = opened.fields
    return Event(
        fields["event_id"],
        fields["event_type"],
        named,
        datetime.fromtimestamp(fields["timestamp"] / 1000, UTC),
        fields["command_id"],
        fields["data"],
        FLAGGED in dict(raw.headers),
        sealed,
        raw.position,
    )


def unopened(raw: Raw) -> Change | None:
    """The change in a record, without an opener. Raises `schemas.CodecError` where it is of an unknown version."""
    opened = None if raw.value is None else schemas.decode(raw.value, headers=raw.headers)
    return change(raw, opened, sealed=HEADER in dict(raw.headers))


Opener = Callable[[bytes, Headers], schemas.Record | None]
"""As `SealedEvents.open`, without waiting."""
