"""Rows to JSON, without a model object between them; keys as the contract's tables name them."""

from typing import Any

import orjson
from fastapi import Response

from chat.domain.model import LearnerId, Message
from chat.storage.history import ShownThread
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
    return {
        "message_id": one.message_id,
        "thread_id": one.thread_id,
        "seq": one.seq,
        "sender_id": one.sender_id,
        "content": one.content,
        "message_type": one.message_type,
        "reply_to": one.reply_to,
        "metadata": orjson.Fragment(one.metadata),
        "created_at": time(one.created_at),
        "updated_at": time(one.updated_at),
        "deleted_at": None if one.deleted_at is None else time(one.deleted_at),
    }
