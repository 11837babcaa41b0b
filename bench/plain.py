"""What the two yardsticks do with a record: decode and encode with fastavro, verify a cached token, count up.

Nothing is checked: neither key and scope nor duplicates, limits or the thread itself.
"""

import hashlib
import io
from typing import Any, NamedTuple

import fastavro

import schemas
from chat.domain.events import Cause, Event, message_created
from chat.domain.model import Message
from chat.settings import Settings
from chat.tokens import TokenVerifier

HEADER = 10
"""Bytes of Avro's single-object encoding before the datum."""

_COMMAND = schemas.PUBLISHED.newest["PostMessage"]
_EVENT = schemas.PUBLISHED.newest["CHAT_MESSAGE_CREATED"]
_READ = fastavro.parse_schema(_COMMAND.schema)
_WRITE = fastavro.parse_schema(_EVENT.schema)


class Post(NamedTuple):
    """A message to write; `time` in milliseconds, `write_time` in microseconds, strictly increasing in its thread."""

    command: dict[str, Any]
    message: Message
    digest: bytes
    offset: int
    time: int
    write_time: int

    @property
    def thread(self) -> tuple[str, str, str]:
        """Tenant, learner and thread."""
        return self.command["tenant_id"], self.command["learner_id"], self.command["thread_id"]

    def event(self) -> Event:
        """Its event."""
        command = self.command
        cause = Cause(command["tenant_id"], command["learner_id"], command["command_id"], self.time)
        return message_created(cause, self.message)


class Reader:
    """Reads records of `chat.commands`, and remembers how far each thread has come."""

    def __init__(self, settings: Settings) -> None:
        self._verifier = TokenVerifier(settings)
        self._threads: dict[str, tuple[int, int]] = {}

    def read(self, record: Any, headers: dict[str, bytes]) -> Post:
        """The message of a record. Raises `TokenInvalid` or `TokenExpired`."""
        time = record.timestamp
        caller = self._verifier.verify(headers["authorization"][7:].decode(), time / 1000)
        command: Any = fastavro.schemaless_reader(io.BytesIO(record.value[HEADER:]), _READ, None)
        seq, write_time = self._next(command["thread_id"], time)
        message = _message(command, seq, caller.principal.user_id, time)
        digest = hashlib.blake2b(record.value, digest_size=16).digest()
        return Post(command, message, digest, record.offset, time, write_time)

    def _next(self, thread_id: str, time: int) -> tuple[int, int]:
        seq, write_time = self._threads.get(thread_id, (0, 0))
        self._threads[thread_id] = after = (seq + 1, max(time * 1000, write_time + 1))
        return after


def encoded(event: Event) -> bytes:
    """An event's bytes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _WRITE, event.fields)
    return _EVENT.header + out.getvalue()


def _message(command: dict[str, Any], seq: int, sender: str, time: int) -> Message:
    return Message(
        command["message_id"],
        command["thread_id"],
        seq,
        sender,
        command["content"],
        command["message_type"],
        command["reply_to"],
        command["metadata"],
        time,
        time,
    )
