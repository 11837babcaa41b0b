"""The rows that the service writes, as statements of the driver: prepared once, bound by the driver itself."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from bench.house import OWNER
from bench.plain import Change, last_of_each
from chat.domain.commands import CreateThread, PostMessage
from chat.domain.model import FIRST_GENERATION, Message, bucket_of
from chat.storage import rows
from chat.storage.sealing import plain
from chat.storage.session import Connection
from chat.storage.store import REMEMBERED_SECONDS

RETENTION = 365 * 86_400

_OWNED = "INSERT INTO learner_threads (tenant_id, learner_id, generation, thread_id) VALUES (?, ?, ?, ?)"
_TEXTS = {
    "message": rows._MESSAGE,  # noqa: SLF001 - the very same
    "command": rows._COMMAND,  # noqa: SLF001 - as above
    "log_message": rows._LOG_MESSAGE,  # noqa: SLF001 - as above
    "log_head": rows._LOG_HEAD,  # noqa: SLF001 - as above
    "log_thread": rows._LOG_THREAD,  # noqa: SLF001 - as above
    "activity": rows._LIST_ACTIVITY,  # noqa: SLF001 - as above
    "details": rows._LIST_DETAILS,  # noqa: SLF001 - as above
    "owner": OWNER,
    "owned": _OWNED,
}


class Row(NamedTuple):
    """A prepared statement and its values."""

    statement: Any
    values: tuple[Any, ...]


class PlainRows:
    """Rows of one connection."""

    def __init__(self, statements: dict[str, Any]) -> None:
        self._statements = statements

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares the service's own statements; a claim is a plain write."""
        prepared = await asyncio.gather(*map(connection.prepare, _TEXTS.values()))
        return cls(dict(zip(_TEXTS, prepared, strict=True)))

    def of(self, changes: Sequence[Change]) -> list[Row]:
        """As the service: what each change writes, and each thread's state once."""
        return [
            *(row for change in changes for row in self._of_change(change)),
            *(row for change in last_of_each(changes) for row in self._of_thread(change)),
        ]

    async def write_one_by_one(self, connection: Connection, change: Change) -> None:
        """Awaits each row's write, as one would write it first."""
        for row in self.of([change]):
            await connection.execute(*row)

    def _of_change(self, change: Change) -> list[Row]:
        written = [self._command(change)]
        if change.message is not None:
            written.append(self._message(change, change.message))
        if change.kind == PostMessage.kind and change.message is not None:
            message_id = uuid.UUID(change.message.message_id)
            written.append(self._row("log_message", change, message_id, change.message.seq, change.thread.write_time))
        if change.kind == CreateThread.kind:
            written += self._new_thread(change)
        return written

    def _of_thread(self, change: Change) -> list[Row]:
        thread = change.thread
        head = (thread.last_seq, thread.position, thread.write_time, thread.active_at, thread.write_time)
        activity = (thread.last_seq, thread.active_at, thread.write_time)
        return [self._row("log_head", change, *head), self._row("activity", change, *activity)]

    def _new_thread(self, change: Change) -> list[Row]:
        thread, (tenant_id, learner_id, thread_id) = change.thread, change.place
        title, metadata, *rest = thread.details
        details = (plain(title), plain(metadata), *rest)
        times = (thread.created_position, thread.details_time, thread.details_time)
        owner = (tenant_id, uuid.UUID(thread_id), learner_id, FIRST_GENERATION)
        return [
            self._row("log_thread", change, thread.status, *details, *times),
            self._row("details", change, *details, thread.details_time),
            self._row("owned", change),
            Row(self._statements["owner"], owner),
        ]

    def _message(self, change: Change, message: Message) -> Row:
        return self._row(
            "message",
            change,
            bucket_of(message.seq),
            message.seq,
            uuid.UUID(message.message_id),
            message.sender_id,
            message.message_type,
            None if message.content is None else plain(message.content),
            plain(message.metadata),
            None,
            message.created_at,
            message.updated_at,
            message.deleted_at,
            change.thread.write_time,
            message.created_at // 1000 + RETENTION - int(time.time()),
        )

    def _command(self, change: Change) -> Row:
        tenant_id, learner_id, _ = change.place
        command_id = change.command["command_id"]
        pk = (tenant_id, learner_id, FIRST_GENERATION, rows.command_shard(command_id), uuid.UUID(command_id))
        ttl = 0 if change.kind in {PostMessage.kind, CreateThread.kind} else REMEMBERED_SECONDS
        outcome = plain(change.outcome) if change.outcome else None
        values = (*pk, change.kind, change.digest, change.thread.position, outcome, change.thread.write_time, ttl)
        return Row(self._statements["command"], values)

    def _row(self, name: str, change: Change, *values: Any) -> Row:
        """One whose key begins with the thread's."""
        tenant_id, learner_id, thread_id = change.place
        return Row(self._statements[name], (tenant_id, learner_id, FIRST_GENERATION, uuid.UUID(thread_id), *values))
