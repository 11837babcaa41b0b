"""The shapes of answers, for the API's description and its tests; answers themselves are not built from them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Time = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples=["2026-01-15T10:30:00.000Z"])
]
_Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_Cursor = Annotated[str | None, Field(description="null where nothing is left that way")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Thread(_Document):
    thread_id: _Uuid
    tenant_id: str
    learner_id: str
    title: str
    metadata: dict[str, Any]
    created_by: str
    created_at: _Time
    updated_at: _Time
    last_seq: int
    last_activity_at: _Time
    read_seq: Annotated[int, Field(description="the caller's own mark; 0 if there is none")]
    unread: int


class Message(_Document):
    message_id: _Uuid
    thread_id: _Uuid
    seq: Annotated[int, Field(description="1, 2, 3 … in the thread, with no gap")]
    sender_id: str
    content: Annotated[str | None, Field(description="null in the husk of a deleted message")]
    message_type: Literal["text", "image", "file", "audio", "video", "system"]
    reply_to: _Uuid | None
    metadata: dict[str, Any]
    created_at: _Time
    updated_at: _Time
    deleted_at: _Time | None


class ThreadPage(_Document):
    items: list[Thread]
    next_cursor: _Cursor


class MessagePage(_Document):
    items: list[Message]
    next_cursor: _Cursor
    prev_cursor: _Cursor
    last_seq: int


class Complaint(_Document):
    field: str
    rule: str


class Problem(_Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Complaint] | None = None


class Readiness(_Document):
    status: Literal["ready", "not ready"]
    cassandra: Literal["up", "down"]
    kafka: Literal["up", "down"]


class Liveness(_Document):
    status: Literal["live"]


class Service(_Document):
    service: str
    version: str
    features: dict[str, bool]


def conditional(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What a route of one thing answers, which its caller may hold already."""
    return documented(model) | {304: {"description": "The caller holds it already: `If-None-Match` has its `ETag`"}}


def documented(model: type[BaseModel], *more: int) -> dict[int | str, dict[str, Any]]:
    """What a route of the history answers, for the description: its success, and its problems by status."""
    problems = sorted({401, 403, 404, 429, 503, *more})
    return {200: {"model": model}, **{status: {"model": Problem} for status in problems}}
