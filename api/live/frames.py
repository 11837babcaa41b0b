"""What a listener is sent: server-sent events (WHATWG HTML §9.2), framed by FastAPI.

| event | data | id |
|---|---|---|
| `resync` | where the stream goes on, see `Resync` | |
| `message` | a new message, as `GET …/messages/{message_id}` shows it | its seq |
| `edit`, `delete` | the message as it is now | |
| `waiting` | which servers are away; none when all are back | |
| `end` | why the stream ends, the last event | |
"""

from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from fastapi.sse import format_sse_event

from api import rendering
from chat.domain.model import Message

HEARTBEAT = format_sse_event(comment="alive")
"""What keeps proxies from closing a stream on which nothing happens; no client's program sees it."""

RETRY_MILLISECONDS = 1_000
"""How long a browser waits before it connects again."""


class End(StrEnum):
    """Why a stream ends. After all but the first four the client connects again with its `Last-Event-ID`."""

    THREAD_DELETED = "thread_deleted"
    LEARNER_ERASED = "learner_erased"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a reason, no secret
    UNAUTHENTICATED = "unauthenticated"
    SLOW = "slow"
    RENEW = "renew"
    STOPPING = "stopping"
    FAILED = "failed"


class Frame(NamedTuple):
    """An event as it goes over the wire; of a message it has the `seq`, and whether the message is `new`."""

    raw: bytes
    seq: int = 0
    new: bool = False


class Resync(NamedTuple):
    """The thread's last seq now, and the seq behind which this stream brings every message."""

    last_seq: int
    after_seq: int


def resync(state: Resync) -> Frame:
    """A client reads again what it shows: edits and deletes may have passed it by."""
    return Frame(_framed("resync", state._asdict(), retry=RETRY_MILLISECONDS))


def new_message(one: Message) -> Frame:
    """A message that this stream has not brought before."""
    return Frame(_framed("message", rendering.message(one), id=str(one.seq)), one.seq, new=True)


def changed_message(one: Message) -> Frame:
    """A message that was edited, or is the husk of a deleted one."""
    event = "edit" if one.deleted_at is None else "delete"
    return Frame(_framed(event, rendering.message(one)), one.seq)


def waiting(servers: set[str]) -> Frame:
    """Which servers are away: nothing is lost meanwhile."""
    return Frame(_framed("waiting", {"for": sorted(servers)}))


def end(why: End) -> bytes:
    """The last event of a stream."""
    return _framed("end", {"reason": why.value})


def _framed(event: str, data: Any, **fields: Any) -> bytes:
    return format_sse_event(event=event, data_str=orjson.dumps(data).decode(), **fields)
