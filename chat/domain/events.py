"""What happened: one event for each applied command, with the whole new state, its id and its record key."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from chat.domain.commands import Command
from chat.domain.model import Message, Thread
from chat.domain.privacy import Kind, Request, State

NAMESPACE = uuid.UUID("8d5b6a52-0c0b-5d5e-9f43-6f1f0c1b7a10")
"""Namespace of the event ids. Fixed for life: consumers drop repeats by the ids made with it."""

THREAD_DELETED = "CHAT_THREAD_DELETED"

FLAGGED = "flagged"
"""The header of an event whose content somebody should look at: readers find it without decoding a value."""

EVENT_OF_COMMAND: Mapping[str, str] = {
    "CreateThread": "CHAT_THREAD_CREATED",
    "UpdateThread": "CHAT_THREAD_UPDATED",
    "DeleteThread": THREAD_DELETED,
    "PostMessage": "CHAT_MESSAGE_CREATED",
    "EditMessage": "CHAT_MESSAGE_UPDATED",
    "DeleteMessage": "CHAT_MESSAGE_DELETED",
    "MarkRead": "CHAT_THREAD_READ",
    "ExpireThread": THREAD_DELETED,
}

PRIVACY_EVENTS: Mapping[tuple[Kind, State], str] = {
    (Kind.EXPORT, State.REQUESTED): "CHAT_PRIVACY_EXPORT_REQUESTED",
    (Kind.EXPORT, State.COMPLETED): "CHAT_PRIVACY_EXPORT_COMPLETED",
    (Kind.EXPORT, State.FAILED): "CHAT_PRIVACY_EXPORT_FAILED",
    (Kind.EXPORT, State.HELD): "CHAT_PRIVACY_EXPORT_FAILED",
    (Kind.DELETION, State.REQUESTED): "CHAT_PRIVACY_DELETION_REQUESTED",
    (Kind.DELETION, State.COMPLETED): "CHAT_PRIVACY_DELETION_COMPLETED",
    (Kind.DELETION, State.FAILED): "CHAT_PRIVACY_DELETION_FAILED",
    (Kind.DELETION, State.HELD): "CHAT_PRIVACY_DELETION_FAILED",
    (Kind.ENROLMENT, State.COMPLETED): "CHAT_PRIVACY_LEARNER_ENROLLED",
}
"""What is said of a request in a state: of an enrolment only that it is done."""


class Event(NamedTuple):
    """`type` and `key` as the contract has them; `fields` is the whole record, `timestamp` in milliseconds; `flagged`:
    its content is such that somebody should look at it.
    """

    type: str
    key: str
    fields: dict[str, Any]
    flagged: bool = False


def event_id(tenant_id: str, learner_id: str, command_id: str, event_type: str) -> str:
    """UUIDv5 of tenant, learner, command and type: the same command always makes the same id."""
    name = f"{tenant_id}/{learner_id}/{command_id}/{event_type}".encode()
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Cause(NamedTuple):
    """The command that an event follows from; `at` is its time in milliseconds."""

    tenant_id: str
    learner_id: str
    command_id: str
    at: int

    @classmethod
    def of(cls, command: Command, at: int) -> Self:
        """The cause that `command` is."""
        return cls(command.tenant_id, command.learner_id, command.command_id, at)

    def key(self, *parts: str) -> str:
        """The record key of one of the learner's entities."""
        return "/".join((self.tenant_id, self.learner_id, *parts))


def thread_created(cause: Cause, thread: Thread) -> Event:
    """CHAT_THREAD_CREATED, with the thread's whole state."""
    return _event("CHAT_THREAD_CREATED", cause.key(thread.thread_id), cause, _thread_data(thread))


def thread_updated(cause: Cause, thread: Thread) -> Event:
    """CHAT_THREAD_UPDATED, with the thread's whole state."""
    return _event("CHAT_THREAD_UPDATED", cause.key(thread.thread_id), cause, _thread_data(thread))


def thread_deleted(cause: Cause, thread_id: str, deleted_by: str) -> Event:
    """CHAT_THREAD_DELETED."""
    data = {"thread_id": thread_id, "deleted_by": deleted_by}
    return _event(THREAD_DELETED, cause.key(thread_id), cause, data)


def thread_read(cause: Cause, thread_id: str, user_id: str, seq: int) -> Event:
    """CHAT_THREAD_READ; `seq` is the mark as it stands then."""
    data = {"thread_id": thread_id, "user_id": user_id, "seq": seq}
    return _event("CHAT_THREAD_READ", cause.key(thread_id, "read", user_id), cause, data)


def message_created(cause: Cause, message: Message) -> Event:
    """CHAT_MESSAGE_CREATED, with the message's whole state."""
    key = cause.key(message.thread_id, message.message_id)
    return _event("CHAT_MESSAGE_CREATED", key, cause, _message_data(message))


def message_updated(cause: Cause, message: Message) -> Event:
    """CHAT_MESSAGE_UPDATED, with the message's whole state."""
    key = cause.key(message.thread_id, message.message_id)
    return _event("CHAT_MESSAGE_UPDATED", key, cause, _message_data(message))


def message_deleted(cause: Cause, message: Message, deleted_by: str) -> Event:
    """CHAT_MESSAGE_DELETED."""
    ids = {"message_id": message.message_id, "thread_id": message.thread_id}
    key = cause.key(message.thread_id, message.message_id)
    return _event("CHAT_MESSAGE_DELETED", key, cause, {**ids, "seq": message.seq, "deleted_by": deleted_by})


def privacy_event(request: Request) -> Event | None:
    """What a request's state is announced by; None where nothing is. It is of the time of the request's command."""
    event_type = PRIVACY_EVENTS.get((request.kind, request.state))
    if event_type is None:
        return None
    tenant_id, request_id = request.key
    cause = Cause(tenant_id, request.learner_id, request.command_id, request.requested_at)
    data = {"request_id": request_id, "state": request.state.value, "reason_code": request.reason_code}
    return _event(event_type, cause.key("privacy", request_id), cause, data)


def _thread_data(thread: Thread) -> dict[str, Any]:
    return {"thread_id": thread.thread_id, **thread.details._asdict()}


def _message_data(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "thread_id": message.thread_id,
        "sender_id": message.sender_id,
        "content": message.content,
        "message_type": message.message_type,
        "seq": message.seq,
        "reply_to": message.reply_to,
        "metadata": message.metadata,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
    }


def _event(event_type: str, key: str, cause: Cause, data: dict[str, Any]) -> Event:
    fields = {
        "event_id": event_id(cause.tenant_id, cause.learner_id, cause.command_id, event_type),
        "event_type": event_type,
        "tenant_id": cause.tenant_id,
        "learner_id": cause.learner_id,
        "timestamp": cause.at,
        "command_id": cause.command_id,
        "data": data,
    }
    return Event(event_type, key, fields)
