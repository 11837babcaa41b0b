"""The limits of a command's fields. A complaint names the field and the rule, and never repeats input."""

import json
import re
from collections.abc import Callable
from typing import Any

from chat.domain.commands import (
    Command,
    CreateThread,
    DeleteMessage,
    DeleteThread,
    EditMessage,
    ExpireThread,
    FenceLearner,
    MarkRead,
    PostMessage,
    UpdateThread,
)
from chat.domain.identifiers import is_name, is_uuid
from chat.domain.model import FIRST_GENERATION
from chat.domain.privacy_commands import PrivacyCommand

MAX_TITLE = 200
MAX_CONTENT_BYTES = 16_384
MAX_METADATA_BYTES = 8_192
_SHA256 = re.compile(r"[0-9a-f]{64}")

Complaint = tuple[str, str]
"""A field's name and the rule that it breaks."""

AnyCommand = Command | FenceLearner | PrivacyCommand


def validate(command: AnyCommand) -> Complaint | None:
    """The first limit that `command` breaks, or None."""
    if isinstance(command, FenceLearner):
        return _identity(command) or _uuid(command, "request_id") or _generation(command)
    if isinstance(command, PrivacyCommand):
        return _identity(command) or _uuid(command, "request_id") or _reason(command)
    return _identity(command) or _uuid(command, "thread_id") or _RULES[type(command)](command)


def _identity(command: AnyCommand) -> Complaint | None:
    if not is_uuid(command.command_id):
        return "command_id", "must be a UUID in lower-case canonical text"
    for field in ("tenant_id", "learner_id"):
        if not is_name(getattr(command, field)):
            return field, "must be 1-128 characters of A-Z a-z 0-9 . _ ~ @ : -"
    return None


def _reason(command: PrivacyCommand) -> Complaint | None:
    return None if command.reason in command.reasons else ("reason", "must be one of those that the contract names")


def _uuid(command: AnyCommand, field: str) -> Complaint | None:
    if is_uuid(getattr(command, field)):
        return None
    return field, "must be a UUID in lower-case canonical text"


def _generation(command: FenceLearner) -> Complaint | None:
    return None if command.generation >= FIRST_GENERATION else ("generation", "must be 1 or more")


def _title(title: str | None) -> Complaint | None:
    if title is None or 1 <= len(title) <= MAX_TITLE:
        return None
    return "title", f"must be 1-{MAX_TITLE} characters"


def _content(content: str, *, may_be_empty: bool) -> Complaint | None:
    size = len(content.encode())
    if size > MAX_CONTENT_BYTES:
        return "content", f"must be at most {MAX_CONTENT_BYTES} bytes of UTF-8"
    if size == 0 and not may_be_empty:
        return "content", "must not be empty"
    return None


def _metadata(metadata: str | None) -> Complaint | None:
    if metadata is None or metadata == "{}":
        return None
    if len(metadata.encode()) > MAX_METADATA_BYTES:
        return "metadata", f"must be at most {MAX_METADATA_BYTES} bytes of JSON"
    if '"attachments"' not in metadata:
        return None
    attachments = json.loads(metadata).get("attachments", [])
    if isinstance(attachments, list) and all(map(_is_attachment, attachments)):
        return None
    return "metadata.attachments", "must be a list of {uri, media_type, bytes, sha256}"


def _is_attachment(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.keys() == {"uri", "media_type", "bytes", "sha256"}
        and all(isinstance(one[name], str) and one[name] for name in ("uri", "media_type"))
        and type(one["bytes"]) is int
        and one["bytes"] >= 0
        and isinstance(one["sha256"], str)
        and _SHA256.fullmatch(one["sha256"]) is not None
    )


def _create_thread(command: CreateThread) -> Complaint | None:
    return _title(command.title) or _metadata(command.metadata)


def _update_thread(command: UpdateThread) -> Complaint | None:
    return _title(command.title) or _metadata(command.metadata)


def _post_message(command: PostMessage) -> Complaint | None:
    return (
        _uuid(command, "message_id")
        or (_uuid(command, "reply_to") if command.reply_to is not None else None)
        or _content(command.content, may_be_empty=command.message_type != "text")
        or _metadata(command.metadata)
    )


def _edit_message(command: EditMessage) -> Complaint | None:
    # Whether an empty caption is right depends on the message's type, which is known where the message is.
    return _uuid(command, "message_id") or _content(command.content, may_be_empty=True) or _metadata(command.metadata)


def _delete_message(command: DeleteMessage) -> Complaint | None:
    return _uuid(command, "message_id")


def _mark_read(command: MarkRead) -> Complaint | None:
    return None if command.seq >= 0 else ("seq", "must not be negative")


def _nothing_more(_command: Command) -> Complaint | None:
    return None


_RULES: dict[type[Command], Callable[[Any], Complaint | None]] = {
    CreateThread: _create_thread,
    UpdateThread: _update_thread,
    DeleteThread: _nothing_more,
    PostMessage: _post_message,
    EditMessage: _edit_message,
    DeleteMessage: _delete_message,
    MarkRead: _mark_read,
    ExpireThread: _nothing_more,
}
