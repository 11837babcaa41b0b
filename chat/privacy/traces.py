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
from chat.privacy.search.needles import name
from chat.topic_specs import Topic

_WORDY = frozenset({"CreateThread", "UpdateThread", "PostMessage", "EditMessage"})
_IDS = ("generation", "thread_id", "message_id", "command_id")
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
    """Whose traces are searched. `home` is the partition of its commands. `living` is the life that goes on behind an
    ended one, with the threads that it claimed and the offset of its fence: what is of it is no trace.
    """

    learner: Learner
    open: Open
    home: int = -1
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

    def is_living_command(self, place: Place, kept: Kept) -> bool:
        """Whether a record is a command of the life that goes on: no fence tells when one elsewhere was sent."""
        at_home = (place.topic, place.partition, _text(kept.key)) == (Topic.COMMANDS, self.home, self.key)
        return self.living is not None and at_home and kept.offset > self.since

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
    if whose.is_living_command(place, kept):
        return None
    what, detail = _EXAMINE[Topic(place.topic)](kept, whose)
    return None if what is None else Trace(what, f"{place.topic}[{place.partition}]@{kept.offset}", detail)


Found = tuple[What | None, str]
_NOTHING: Found = None, ""
_UNREADABLE: Found = What.WORDS, "a record that cannot be read"


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
        return _UNREADABLE
    if event.type.startswith("CHAT_PRIVACY_") or not holds_words(event.fields):
        return What.IDS, event.type
    if any(header == HEADER for header, _ in kept.headers) and not _opens(event.fields, whose.open):
        return What.IDS, f"{event.type}, sealed: no key opens it"
    return What.WORDS, event.type


def _opens(fields: Mapping[str, Any], opened: Open) -> bool:
    try:
        open_event(fields, opened)
    except CellDamaged:
        return False
    return True


def _in_command(kept: Kept, whose: Searched) -> Found:
    """By its key, or by its ids: under another key or on another partition it is refused, and its words stay."""
    ids, found = _command(kept)
    named = _has_ids(kept, whose) if ids is None else ids == whose.learner
    return found if named or _text(kept.key) == whose.key else _NOTHING


def _command(kept: Kept) -> tuple[tuple[str, str] | None, Found]:
    """Tenant and learner of a command, None where nobody can read them; and what it holds."""
    try:
        kind, fields = schemas.decode_command(kept.value)
    except schemas.InvalidRecord as error:
        return (error.identity.tenant_id, error.identity.learner_id), _UNREADABLE
    except schemas.CodecError:
        return None, _UNREADABLE
    return (fields["tenant_id"], fields["learner_id"]), (What.WORDS if kind in _WORDY else What.IDS, kind)


def _by_key(kept: Kept, whose: Searched) -> Found:
    return (What.IDS, "its key and ids") if _text(kept.key) == whose.key else _NOTHING


def _in_dead_letter(kept: Kept, whose: Searched) -> Found:
    named = _text(kept.key) == whose.key or _has_ids(kept, whose)
    return (What.WORDS, "a dead letter") if named else _NOTHING


def _has_ids(kept: Kept, whose: Searched) -> bool:
    """Whether both ids stand in a part of it, as in JSON or Avro: it is a record that nobody could make sense of."""
    parts = (kept.value, *(value for _, value in kept.headers))
    return any(all(_stands_in(part, one) for one in whose.learner) for part in parts if part)


def _stands_in(part: bytes, text: str) -> bool:
    """Behind its length, or with no letter or digit around it: what begins with a colon may be no other's id."""
    alone = rb"(?<![A-Za-z0-9])%b(?![A-Za-z0-9])" % re.escape(text.encode())
    return bool(name(text).search(part) or re.search(alone, part))


_EXAMINE: Mapping[Topic, Callable[[Kept, Searched], Found]] = {
    Topic.EVENTS: _in_event,
    Topic.COMMANDS: _in_command,
    Topic.PRIVACY_COMMANDS: _in_command,
    Topic.REJECTIONS: _by_key,
    Topic.DEAD_LETTER: _in_dead_letter,
}


def _row_place(table: str, row: Mapping[str, Any]) -> str:
    ids = [f"{column}={row[column]}" for column in _IDS if row.get(column)]
    return " ".join((table, *ids))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
