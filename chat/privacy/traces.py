"""What is left of a learner, in a row or in a record: pure, so that it can be shown what is found and what is not.

- `row`: a row of a table that names the learner.
- `words`: words of the learner, which anybody who has the place, and the keys that are left, can read.
- `key`: a wrapped key of the learner that a key-encryption key opens.
- `name`: the learner's id where none is promised to be.
- `ids`: the learner's id where it stays by promise for a time: in keys of records, in rows that were deleted.
- `unread`: a place that could not be searched.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import schemas
from chat.broker import Place
from chat.domain.model import Learner, LearnerId
from chat.domain.partition import learner_key
from chat.errors import CellDamaged
from chat.partition_reader import Kept
from chat.privacy.event_content import HEADER, holds_words, open_event
from chat.topic_specs import Topic

_WORDY = frozenset({"CreateThread", "UpdateThread", "PostMessage", "EditMessage"})
_ID = r"A-Za-z0-9._~@:\-"

Open = Callable[..., str]
"""Opens a cell of the learner's latest life. Raises `CellDamaged`."""


class What(StrEnum):
    """What of a learner is left in a place."""

    ROW = "row"
    WORDS = "words"
    KEY = "key"
    NAME = "name"
    IDS = "ids"
    UNREAD = "unread"


class Trace(NamedTuple):
    """Something that is left, and its place: a table with the row's key, a topic, a partition and an offset, or a file
    with an offset of a record, or of a byte of what it says once decompressed.
    """

    what: What
    place: str
    detail: str


class Searched(NamedTuple):
    """Whose traces are searched. `living` is the life that goes on behind an ended one, with the threads that it
    claimed and its place in the command log: what is of it is no trace.
    """

    learner: Learner
    open: Open
    living: LearnerId | None = None
    threads: frozenset[str] = frozenset()
    since: int = -1

    @property
    def key(self) -> str:
        """The record key of its commands."""
        return learner_key(*self.learner)

    def is_living(self, thread_id: str) -> bool:
        """Whether a thread is of the life that goes on."""
        return self.living is not None and thread_id in self.threads

    def named_in(self, text: str) -> bool:
        """Whether a text holds the learner's key and no other's."""
        return re.search(f"(?<![{_ID}]){re.escape(self.key)}(?![{_ID}])", text) is not None


def in_row(table: str, row: Mapping[str, Any], whose: Searched) -> Trace | None:
    """What a row holds of the learner. `row` is all of its columns."""
    named = (row.get("tenant_id", whose.learner.tenant_id), row.get("learner_id"))
    if named == whose.learner:
        mine = whose.living is not None and row.get("generation") == whose.living.generation
        return None if mine else Trace(What.ROW, _row_place(table, row), "learner_id")
    for column, value in row.items():
        if whose.named_in(_text(value)):
            return Trace(What.ROW, _row_place(table, row), column)
    return None


def in_record(place: Place, kept: Kept, whose: Searched) -> Trace | None:
    """What a record holds of the learner."""
    what, detail = _EXAMINE[Topic(place.topic)](kept, whose)
    return None if what is None else Trace(what, f"{place.topic}[{place.partition}]@{kept.offset}", detail)


Found = tuple[What | None, str]
_NOTHING: Found = None, ""


def _in_event(kept: Kept, whose: Searched) -> Found:
    key = _text(kept.key)
    if not key.startswith(f"{whose.key}/"):
        return _NOTHING
    thread_id = key.removeprefix(f"{whose.key}/").partition("/")[0]
    if whose.is_living(thread_id):
        return _NOTHING
    return (What.IDS, "a tombstone's key") if kept.value is None else _said(kept, kept.value, whose)


def _said(kept: Kept, value: bytes, whose: Searched) -> Found:
    try:
        event = schemas.decode(value, headers=kept.headers)
    except schemas.CodecError:
        return What.WORDS, "a record that cannot be read"
    if event.type.startswith("CHAT_PRIVACY_") or not holds_words(event.fields):
        return What.IDS, event.type
    if any(name == HEADER for name, _ in kept.headers) and not _opens(event.fields, whose.open):
        return What.IDS, f"{event.type}, sealed: no key opens it"
    return What.WORDS, event.type


def _opens(fields: Mapping[str, Any], opened: Open) -> bool:
    try:
        open_event(fields, opened)
    except CellDamaged:
        return False
    return True


def _in_command(kept: Kept, whose: Searched) -> Found:
    if _text(kept.key) != whose.key or (whose.living is not None and kept.offset > whose.since):
        return _NOTHING
    try:
        kind = schemas.decode_command(kept.value or b"").type
    except schemas.CodecError:
        return What.WORDS, "a record that cannot be read"
    return (What.WORDS if kind in _WORDY else What.IDS), kind


def _by_key(kept: Kept, whose: Searched) -> Found:
    return (What.IDS, "its key and ids") if _text(kept.key) == whose.key else _NOTHING


def _in_dead_letter(kept: Kept, whose: Searched) -> Found:
    """By its key, or by the ids as they stand in JSON or Avro: it is a record that nobody could make sense of."""
    parts = (_text(kept.value), *(_text(value) for _, value in kept.headers))
    named = _text(kept.key) == whose.key or any(all(one in part for one in whose.learner) for part in parts)
    return (What.WORDS, "a dead letter") if named else _NOTHING


_EXAMINE: Mapping[Topic, Callable[[Kept, Searched], Found]] = {
    Topic.EVENTS: _in_event,
    Topic.COMMANDS: _in_command,
    Topic.PRIVACY_COMMANDS: _by_key,
    Topic.REJECTIONS: _by_key,
    Topic.DEAD_LETTER: _in_dead_letter,
}


def _row_place(table: str, row: Mapping[str, Any]) -> str:
    ids = [f"{name}={row[name]}" for name in ("generation", "thread_id", "message_id", "command_id") if row.get(name)]
    return " ".join((table, *ids))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
