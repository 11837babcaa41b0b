"""A thread's live stream, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.auth import Caller, token_left, visible_thread
from api.bounded_sending import BoundedSending
from api.documents import problems
from api.live.frames import End
from api.live.listener import Listener
from api.middleware import BODILESS
from api.parameters import LastEventId, ThreadId
from api.problem_codes import ProblemCode
from api.read_side import read_side
from chat.domain.principal import Permission, Principal
from chat.errors import NotVisible

HEADERS = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",  # nginx would keep events back until a buffer is full
}
"""What stands between must not keep events back, compress them, or keep them."""

_EVENTS = """Events in the form of [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html),
until one of the type `end`"""
_EVENT = {
    "type": "object",
    "description": "One event; `data` is JSON.",
    "properties": {
        "event": {"enum": ["resync", "message", "edit", "delete", "waiting", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "The seq of a new message."},
        "retry": {"type": "integer", "minimum": 0},
    },
    "required": ["event", "data"],
    "additionalProperties": False,
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": _EVENTS}
}

router = APIRouter(prefix="/api/v1/threads/{thread_id}/stream", tags=["messages"])
MessageReader = Annotated[Principal, Depends(Caller(Permission.MESSAGES_READ))]


class LiveResponse(BoundedSending):
    """Sends what its listener is told; however it ends, the listener has left then."""

    media_type = "text/event-stream"

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener.stream(), headers=HEADERS)
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._listener:
            await super().__call__(scope, receive, send)

    def not_taken(self) -> None:
        """It is counted as slow."""
        self._listener.end(End.SLOW)


@router.get("", response_class=StreamingResponse, responses=problems(*(code.status for code in ProblemCode)) | STREAM)
async def stream_thread(
    request: Request, caller: MessageReader, thread_id: ThreadId, last_event_id: LastEventId = None
) -> Response:
    """What happens in a thread from now on, and before that every message behind `Last-Event-ID`.

    First of all comes `resync`, with the `after_seq` behind which this stream brings every message: a client reads
    again what it shows of those before. `message` has a new message and its seq as `id`; `edit` and `delete` have the
    message as it is now. `waiting` names the servers that are away, or none. `end` says why the stream ends.
    """
    side = read_side(request)
    key = await visible_thread(side.history, caller, thread_id)
    if BODILESS in request.scope:
        if await side.history.last_seq(key) is None:
            raise NotVisible
        return StreamingResponse(_nothing(), headers=HEADERS, media_type=LiveResponse.media_type)
    return LiveResponse(await side.rooms.listen(key, last_event_id, token_left(request)))


async def _nothing() -> AsyncIterator[bytes]:
    """For HEAD: nobody listens."""
    yield b""
