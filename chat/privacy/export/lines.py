"""One line of JSON for each thread, message and read mark. `line_schemas/` says what they hold.

What a policy leaves out is marked, never silent: `withheld` says why the words are not there.
"""

from functools import lru_cache

import orjson

from chat.domain.model import Message
from chat.privacy.export.policy import Policy
from chat.storage.export_reads import ReadMark
from chat.storage.history import ShownThread
from schemas.timestamps import quick_text

time = lru_cache(maxsize=64)(quick_text)
"""A message, and its row of a page, say the same time up to three times."""

WITHHELD = "other_person"
_EMPTY = orjson.Fragment("{}")


def thread(shown: ShownThread, policy: Policy) -> bytes:
    """A thread; its words are those of whoever made it."""
    details = shown.details
    hidden = policy.hides(details.created_by)
    return orjson.dumps(
        {
            "thread_id": shown.thread_id,
            "title": None if hidden else details.title,
            "metadata": _EMPTY if hidden else orjson.Fragment(details.metadata),
            "created_by": None if hidden else details.created_by,
            "created_at": time(details.created_at),
            "updated_at": time(details.updated_at),
            "last_seq": shown.last_seq,
            "withheld": WITHHELD if hidden else None,
        }
    )


def message(one: Message, *, hidden: bool) -> bytes:
    """A message; a deleted one is a husk whose content is null."""
    return orjson.dumps(
        {
            "message_id": one.message_id,
            "thread_id": one.thread_id,
            "seq": one.seq,
            "sender_id": None if hidden else one.sender_id,
            "content": None if hidden else one.content,
            "message_type": one.message_type,
            "reply_to": one.reply_to,
            "metadata": _EMPTY if hidden else orjson.Fragment(one.metadata),
            "created_at": time(one.created_at),
            "updated_at": time(one.updated_at),
            "deleted_at": None if one.deleted_at is None else time(one.deleted_at),
            "withheld": WITHHELD if hidden else None,
        }
    )


def read_mark(mark: ReadMark) -> bytes:
    """How far a user has read a thread."""
    return orjson.dumps(mark._asdict())


def attachments(metadata: str) -> int:
    """How many attachments a message refers to; their bytes are elsewhere."""
    if '"attachments"' not in metadata:
        return 0
    listed = orjson.loads(metadata).get("attachments")
    return len(listed) if isinstance(listed, list) else 0
