"""The rows that the service writes, as statements of the driver: prepared once, bound by the driver itself."""

import asyncio
import time
import uuid
from typing import Any, NamedTuple, Self

from bench.plain import Post
from chat.domain.model import FIRST_GENERATION, bucket_of
from chat.domain.position import position
from chat.storage import rows
from chat.storage.sealing import plain
from chat.storage.session import Connection

POST_MESSAGE = 2
RETENTION = 365 * 86_400
EPOCH = 1


class Row(NamedTuple):
    """A prepared statement and its values."""

    statement: Any
    values: tuple[Any, ...]


class PlainRows:
    """Rows of one connection."""

    def __init__(self, statements: list[Any]) -> None:
        self._message, self._command, self._log_message, self._log_head, self._activity = statements

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares the service's own statements."""
        texts = (rows._MESSAGE, rows._COMMAND, rows._LOG_MESSAGE, rows._LOG_HEAD, rows._LIST_ACTIVITY)  # noqa: SLF001 - the very same
        return cls(await asyncio.gather(*map(connection.prepare, texts)))

    def of_message(self, post: Post) -> list[Row]:
        """What every message writes."""
        return [self._message_row(post), self._command_row(post), self._log_message_row(post)]

    def of_thread(self, post: Post) -> list[Row]:
        """What its thread's last message writes."""
        tenant_id, learner_id, thread_id = post.thread
        pk = (tenant_id, learner_id, FIRST_GENERATION, uuid.UUID(thread_id))
        seq, time = post.message.seq, post.write_time
        head = Row(self._log_head, (*pk, seq, position(EPOCH, post.offset), time, time // 1000, time))
        return [head, Row(self._activity, (*pk, seq, time // 1000, time))]

    def _message_row(self, post: Post) -> Row:
        message = post.message
        values = (
            *self._pk(post),
            bucket_of(message.seq),
            message.seq,
            uuid.UUID(message.message_id),
            message.sender_id,
            message.message_type,
            plain(message.content or ""),
            plain(message.metadata),
            None,
            message.created_at,
            message.updated_at,
            None,
            post.write_time,
            message.created_at // 1000 + RETENTION - int(time.time()),
        )
        return Row(self._message, values)

    def _command_row(self, post: Post) -> Row:
        tenant_id, learner_id, _ = post.thread
        command_id = post.command["command_id"]
        pk = (tenant_id, learner_id, FIRST_GENERATION, rows.command_shard(command_id), uuid.UUID(command_id))
        at = position(EPOCH, post.offset)
        return Row(self._command, (*pk, POST_MESSAGE, post.digest, at, None, post.write_time, 0))

    def _log_message_row(self, post: Post) -> Row:
        message_id = uuid.UUID(post.message.message_id)
        return Row(self._log_message, (*self._pk(post), message_id, post.message.seq, post.write_time))

    def _pk(self, post: Post) -> tuple[Any, ...]:
        tenant_id, learner_id, thread_id = post.thread
        return tenant_id, learner_id, FIRST_GENERATION, uuid.UUID(thread_id)
