"""What a record of `chat.events` says to those who listen: which thread it is about, and what to look at there.

Records that are no thread's or message's are nobody's: read marks, privacy requests, and whatever else there is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import schemas
from api.live.frames import End
from api.live.room import Notice
from chat.domain.identifiers import is_uuid

_OF_THREAD, _OF_MESSAGE = 3, 4
_NOTHING = Notice()


class Address(NamedTuple):
    """Where a thread is in a record's key."""

    tenant_id: str
    learner_id: str
    thread_id: str


class Record(NamedTuple):
    """A record as it lies on the topic; `value` is None for a Kafka tombstone. `timestamp` in milliseconds."""

    key: bytes
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


def address_of(key: bytes) -> Address | None:
    """The thread that a record is about; None where it is about none, or about what no stream tells."""
    parts = key.decode(errors="replace").split("/")
    if len(parts) not in {_OF_THREAD, _OF_MESSAGE} or not is_uuid(parts[2]):
        return None
    return Address(*parts[:3])


def notice_of(record: Record) -> Notice:
    """What is to be looked at.

    Only an erasure puts a tombstone on a thread's own key; those of messages follow what has been said already.
    Raises `schemas.CodecError` for a value that is no record.
    """
    if record.value is None:
        return Notice(ended=End.LEARNER_ERASED) if record.key.count(b"/") == _OF_THREAD - 1 else _NOTHING
    event = schemas.decode(record.value, headers=record.headers)
    data = event.fields.get("data", {})
    match event.type:
        case "CHAT_THREAD_DELETED":
            return Notice(ended=End.THREAD_DELETED)
        case "CHAT_MESSAGE_CREATED":
            return Notice(new=data["seq"])
        case "CHAT_MESSAGE_UPDATED" | "CHAT_MESSAGE_DELETED":
            return Notice(changed=data["seq"])
    return _NOTHING
