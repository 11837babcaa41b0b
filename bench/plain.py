"""What the yardsticks do with a record: decode and encode with fastavro, verify a cached token, count up.

Nothing is checked: neither key and scope nor duplicates, limits or the thread itself.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import fastavro

import schemas
from bench.load import SENT
from chat.domain.commands import TYPES
from chat.domain.events import Cause, Event, message_created, message_deleted, message_updated, thread_created
from chat.domain.model import Details, Message, Status, Thread
from chat.domain.position import position
from chat.settings import Settings
from chat.tokens import TokenVerifier

HEADER = 10
"""Bytes of Avro's single-object encoding before the datum."""

EPOCH = 1

_TYPES = ("PostMessage", "EditMessage", "DeleteMessage", "CreateThread")
_MADE = ("CHAT_MESSAGE_CREATED", "CHAT_MESSAGE_UPDATED", "CHAT_MESSAGE_DELETED", "CHAT_THREAD_CREATED")
_NEWEST = schemas.PUBLISHED.newest
_READ = {_NEWEST[name].header: (name, fastavro.parse_schema(_NEWEST[name].schema)) for name in _TYPES}
_WRITE = {name: (_NEWEST[name].header, fastavro.parse_schema(_NEWEST[name].schema)) for name in _MADE}


class Change(NamedTuple):
    """What a command changes: a message, or a thread that is new; `digest` is of its record.

    `sent` is the header that its event has too; `outcome` what the service would remember of it.
    """

    kind: int
    command: dict[str, Any]
    thread: Thread
    message: Message | None
    event: Event
    digest: bytes
    sent: list[tuple[str, bytes]]
    outcome: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """Tenant, learner and thread."""
        return self.command["tenant_id"], self.command["learner_id"], self.command["thread_id"]

    @property
    def time(self) -> int:
        """Its command's, in milliseconds."""
        return int(self.event.fields["timestamp"])


class At(NamedTuple):
    """Where and when a command stood in the log, and who sent it."""

    cause: Cause
    sender: str
    offset: int
    time: int


class Reader:
    """Reads records of `chat.commands`, and remembers how far each thread has come and what was posted."""

    def __init__(self, settings: Settings) -> None:
        self._verifier = TokenVerifier(settings)
        self._threads: dict[str, Thread] = {}
        self._messages: dict[str, Message] = {}
        self._makers = dict(zip(_TYPES, (self._post, self._edit, self._delete, self._create), strict=True))

    def read(self, value: bytes, headers: Mapping[str, bytes], offset: int, time: int) -> Change:
        """The change that a record asks for; `time` in milliseconds. Raises `TokenInvalid` or `TokenExpired`."""
        caller = self._verifier.verify(headers["authorization"][7:].decode(), time / 1000)
        name, schema = _READ[value[:HEADER]]
        command: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), schema, None)
        cause = Cause(command["tenant_id"], command["learner_id"], command["command_id"], time)
        at = At(cause, caller.principal.user_id, offset, time)
        thread, message, event, outcome = self._makers[name](command, self._next(command, at), at)
        self._threads[thread.thread_id] = thread
        if message is not None:
            self._messages[message.message_id] = message
        digest = hashlib.blake2b(value, digest_size=16).digest()
        sent = [(SENT, headers[SENT])] if SENT in headers else []
        return Change(TYPES[name].kind, command, thread, message, event, digest, sent, outcome)

    def _next(self, command: dict[str, Any], at: At) -> Thread:
        """The thread as it is after a command that adds no message."""
        before = self._threads.get(command["thread_id"]) or _unknown(command["thread_id"])
        write_time = max(at.time * 1000, before.write_time + 1)
        return before._replace(position=position(EPOCH, at.offset), write_time=write_time, active_at=write_time // 1000)

    def _post(self, command: dict[str, Any], thread: Thread, at: At) -> tuple[Thread, Message, Event, str]:
        thread = thread._replace(last_seq=thread.last_seq + 1)
        message = Message(
            command["message_id"],
            thread.thread_id,
            thread.last_seq,
            at.sender,
            command["content"],
            command["message_type"],
            command["reply_to"],
            command["metadata"],
            at.time,
            at.time,
        )
        return thread, message, message_created(at.cause, message), ""

    def _edit(self, command: dict[str, Any], thread: Thread, at: At) -> tuple[Thread, Message, Event, str]:
        before = self._messages[command["message_id"]]
        message = before._replace(content=command["content"], updated_at=at.time)
        outcome = json.dumps([message.metadata, thread.write_time])
        return thread, message, message_updated(at.cause, message), outcome

    def _delete(self, command: dict[str, Any], thread: Thread, at: At) -> tuple[Thread, Message, Event, str]:
        before = self._messages[command["message_id"]]
        husk = before._replace(content=None, metadata="{}", updated_at=at.time, deleted_at=at.time)
        return thread, husk, message_deleted(at.cause, husk, at.sender), json.dumps(thread.write_time)

    def _create(self, command: dict[str, Any], thread: Thread, at: At) -> tuple[Thread, None, Event, str]:
        details = Details(command["title"], command["metadata"], at.sender, at.time, at.time)
        made = thread._replace(details=details, created_position=thread.position, details_time=thread.write_time)
        return made, None, thread_created(at.cause, made), ""


def _unknown(thread_id: str) -> Thread:
    """A thread of which nothing is known, which is no hindrance here."""
    return Thread(thread_id, Details("", "{}", "", 0, 0), Status.LIVE, 0, 0, 0, 0, 0, 0)


def encoded(event: Event) -> bytes:
    """An event's bytes."""
    header, schema = _WRITE[event.type]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, event.fields)
    return header + out.getvalue()


def last_of_each(changes: Sequence[Change]) -> list[Change]:
    """Of each thread the latest change."""
    return list({change.place: change for change in changes}.values())
