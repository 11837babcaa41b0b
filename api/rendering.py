"""Rows to JSON, without a model object between them; keys as the contract's tables name them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Response

from chat.domain.model import LearnerId, Message
from chat.domain.privacy import Request
from chat.storage.history import ShownThread
from chat.storage.privacy_store import Noted
from schemas.timestamps import quick_text as time

KEEPING = {"cache-control": "private, no-cache"}
"""Its caller alone may keep an answer, and must ask about it again."""


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(orjson.dumps(content), status_code, KEEPING)


def thread(learner: LearnerId, shown: ShownThread, read_seq: int = 0) -> dict[str, Any]:
    """A thread; `read_seq` is the caller's own mark."""
    details = shown.details
    return {
        "thread_id": shown.thread_id,
        "tenant_id": learner.tenant_id,
        "learner_id": learner.learner_id,
        "title": details.title,
        "metadata": orjson.Fragment(details.metadata),
        "created_by": details.created_by,
        "created_at": time(details.created_at),
        "updated_at": time(details.updated_at),
        "last_seq": shown.last_seq,
        "last_activity_at": time(shown.last_activity_at),
        "read_seq": read_seq,
        "unread": max(0, shown.last_seq - read_seq),
    }


def message(one: Message) -> dict[str, Any]:
    """A message; a deleted one is a husk without content."""
    created = time(one.created_at)
    return {
        "message_id": one.message_id,
        "thread_id": one.thread_id,
        "seq": one.seq,
        "sender_id": one.sender_id,
        "content": one.content,
        "message_type": one.message_type,
        "reply_to": one.reply_to,
        "metadata": orjson.Fragment(one.metadata),
        "created_at": created,
        "updated_at": created if one.updated_at == one.created_at else time(one.updated_at),
        "deleted_at": time_or_none(one.deleted_at),
    }


def privacy_request(one: Request, audit: Sequence[Noted]) -> dict[str, Any]:
    """A privacy request: its state, and what was noted of it. Whose it is, its reader knows: the id is not kept."""
    return {
        "request_id": one.key.request_id,
        "tenant_id": one.key.tenant_id,
        "kind": one.kind.value,
        "state": one.state.value,
        "reason": one.reason or None,
        "reason_code": one.reason_code or None,
        "step": one.step or None,
        "requested_by": one.actor,
        "requested_at": time(one.requested_at),
        "updated_at": time(one.updated_at),
        "receipt": orjson.Fragment(one.receipt) if one.receipt else None,
        "audit": [audit_line(line) for line in audit],
    }


def refusal(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A `CommandRejected` record; whose it is, its reader has asked for."""
    kept = {name: value for name, value in fields.items() if name not in {"tenant_id", "learner_id"}}
    return kept | {"timestamp": time(fields["timestamp"])}


def time_or_none(millis: int | None) -> str | None:
    """A time where there is one."""
    return None if millis is None else time(millis)


def audit_line(one: Noted) -> dict[str, Any]:
    """A line of the audit; `actor` is null where the service itself acted, or nobody knows who tried."""
    return {
        "at": time(one.at),
        "request_id": one.request_id or None,
        "actor": one.actor or None,
        "action": one.action,
        "code": one.code or None,
    }
