"""The shapes of answers, for the API's description and its tests; answers themselves are not built from them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.parameters import UUID
from api.problem_codes import ProblemCode
from chat.domain.verdicts import Code

_Time = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples=["2026-01-15T10:30:00.000Z"])
]
_Uuid = Annotated[str, Field(pattern=UUID)]
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
    last_seq: Annotated[int, Field(ge=0, description="the newest message's seq; 0 where there is none yet")]
    last_activity_at: _Time
    read_seq: Annotated[int, Field(ge=0, description="the caller's own mark; 0 if there is none")]
    unread: Annotated[int, Field(ge=0, description="messages behind the caller's mark")]


class Message(_Document):
    message_id: _Uuid
    thread_id: _Uuid
    seq: Annotated[int, Field(ge=1, description="1, 2, 3 … in the thread, with no gap")]
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
    last_seq: Annotated[int, Field(ge=0, description="the thread's newest message's seq")]


class Refusal(_Document):
    command_id: _Uuid
    code: Annotated[Code, Field(description="the first check that failed")]
    detail: Annotated[str, Field(description="a sentence that never repeats what was sent")]
    event_id: Annotated[_Uuid | None, Field(description="with `duplicate`: the first outcome's")]
    topic: Literal["chat.commands"]
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0, description="where the command lies")]
    timestamp: Annotated[_Time, Field(description="when the broker took the command")]


class RefusalPage(_Document):
    items: Annotated[list[Refusal], Field(description="newest first; may be empty although there is a next page")]
    next_cursor: _Cursor
    since: Annotated[
        _Time | None,
        Field(description="from when on nothing is left out; null: all that the log still has was looked at"),
    ]


class AuditLine(_Document):
    at: _Time
    request_id: _Uuid | None
    actor: Annotated[str | None, Field(description="null where the service acted, or nobody knows who tried")]
    action: Annotated[str, Field(description="requested, refused, completed, failed, held …")]
    code: Annotated[str | None, Field(description="the reason given, or why it was refused, failed or is held")]


class PrivacyRequest(_Document):
    request_id: _Uuid
    tenant_id: str
    kind: Literal["export", "deletion", "enrolment"]
    state: Literal["requested", "running", "waiting", "completed", "failed", "held"]
    reason: Annotated[str | None, Field(description="as the command gave it")]
    reason_code: Annotated[str | None, Field(description="the reason, or why it waits, failed or is held")]
    step: Annotated[str | None, Field(description="the last step that is done")]
    requested_by: str
    requested_at: _Time
    updated_at: _Time
    receipt: Annotated[dict[str, Any] | None, Field(description="what it left when it was completed")]
    audit: Annotated[list[AuditLine], Field(description="oldest first; of more than 200 lines the latest")]


class PrivacyRequestPage(_Document):
    items: list[PrivacyRequest]
    next_cursor: _Cursor


class AuditPage(_Document):
    items: list[AuditLine]
    next_cursor: _Cursor


class Complaint(_Document):
    field: Annotated[str, Field(description="the parameter; `query` where there is no such parameter")]
    rule: Annotated[str, Field(description="what it must be")]


class Problem(_Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="a sentence that never repeats what was sent")]
    code: ProblemCode
    errors: Annotated[list[Complaint], Field(default_factory=list, description="with status 400 only")]


class SigningKey(_Document):
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]
    kid: Annotated[str, Field(description="the RFC 7638 thumbprint, which manifests name")]


class SigningKeys(_Document):
    keys: list[SigningKey]


class CommandKey(_Document):
    kty: Literal["OKP"]
    crv: Literal["X25519"]
    x: str
    use: Literal["enc"]
    kid: Annotated[str, Field(description="the RFC 7638 thumbprint, which sealed commands name")]


class CommandKeys(_Document):
    keys: Annotated[list[CommandKey], Field(description="the one to seal to")]


class Readiness(_Document):
    status: Literal["ready", "not ready"]
    cassandra: Literal["up", "down"]
    kafka: Literal["up", "down"]


class Liveness(_Document):
    status: Literal["live"]


class Service(_Document):
    service: str
    version: str
    features: Annotated[dict[str, bool], Field(description="what is on and what is off, by name")]


def conditional(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What a route of one thing answers, which its caller may hold already."""
    return documented(model) | {304: {"description": "The caller holds it already: `If-None-Match` has its `ETag`"}}


def documented(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What a route of the history answers, for the description: its success, and its problems by status."""
    return {200: {"model": model}} | problems(*(code.status for code in ProblemCode))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems by status, for the description."""
    return {status: {"model": Problem} for status in statuses}
