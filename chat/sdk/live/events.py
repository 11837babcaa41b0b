"""What a live stream says, typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from chat.errors import ApiUnavailable


@dataclass(frozen=True, slots=True)
class Message:
    """A message as GET shows it; times in UTC. Of a deleted one `content` is None and `deleted_at` is set."""

    message_id: str
    thread_id: str
    seq: int
    sender_id: str
    content: str | None
    message_type: str
    reply_to: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Resync(NamedTuple):
    """A connection's first event. Every message behind `after_seq` comes; read again what you show up to there."""

    last_seq: int
    after_seq: int


class Posted(NamedTuple):
    """A new message; each comes once, in the order of its `seq`."""

    message: Message


class Edited(NamedTuple):
    """A message as it is now; it may come more than once."""

    message: Message


class Deleted(NamedTuple):
    """What is left of a message: its content is gone. It may come more than once."""

    message: Message


class Waiting(NamedTuple):
    """Which servers behind the API are away, `kafka` or `cassandra`; none: all are back. Nothing is lost."""

    servers: tuple[str, ...]


class Reconnecting(NamedTuple):
    """The connection ended; the next one begins in `seconds`, behind the last message that came. Nothing is lost.

    `reason` is the service's own (`slow`: this program took its events too slowly; `renew`, `stopping`, `failed`,
    `token_expired`, `unauthenticated`), or what kept it from answering.
    """

    reason: str
    seconds: float


class Ended(NamedTuple):
    """The last event: `thread_deleted` or `learner_erased`. Keep nothing of the thread."""

    reason: str


LiveEvent = Resync | Posted | Edited | Deleted | Waiting | Reconnecting | Ended


def live_event(name: str, text: str) -> LiveEvent | None:
    """The event of that name, `text` its data as JSON; None for a name that a later version may have brought.

    Raises `ApiUnavailable` where the data are not the contract's: something between changed them.
    """
    read = _READERS.get(name)
    if read is None:
        return None
    try:
        return read(orjson.loads(text))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ApiUnavailable(f"`{name}` with data that cannot be read") from error


def _message(data: Mapping[str, Any]) -> Message:
    deleted_at = data["deleted_at"]
    times = {
        "created_at": datetime.fromisoformat(data["created_at"]),
        "updated_at": datetime.fromisoformat(data["updated_at"]),
        "deleted_at": None if deleted_at is None else datetime.fromisoformat(deleted_at),
    }
    return Message(**{name: data[name] for name in Message.__slots__} | times)


_READERS: dict[str, Callable[[Any], LiveEvent]] = {
    "resync": lambda data: Resync(int(data["last_seq"]), int(data["after_seq"])),
    "message": lambda data: Posted(_message(data)),
    "edit": lambda data: Edited(_message(data)),
    "delete": lambda data: Deleted(_message(data)),
    "waiting": lambda data: Waiting(tuple(data["for"])),
    "end": lambda data: Ended(data["reason"]),
}
