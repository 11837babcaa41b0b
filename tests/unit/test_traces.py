"""What `chat privacy verify` takes for a trace of a learner, and what it does not."""

import json
from typing import Any

import pytest

import schemas
from chat.broker import Place
from chat.domain.events import Cause, message_created, message_deleted
from chat.domain.model import Learner, LearnerId, Message
from chat.errors import CellDamaged
from chat.partition_reader import Kept
from chat.privacy.envelope import DataKey, new_key
from chat.privacy.event_content import HEADER, seal_event
from chat.privacy.traces import Searched, Trace, What, in_record, in_row
from tests.records import uid

LEARNER = Learner("tenant-1", "learner-1")
THREAD = uid(1, 1)
KEY = DataKey(new_key(), 1, LearnerId(*LEARNER, 1))
MESSAGE = Message(uid(2, 1), THREAD, 1, "teacher-1", "hello", "text", None, "{}", 1, 1)
CAUSE = Cause(*LEARNER, uid(3, 1), 1)


def lost(*_: Any) -> str:
    """Stands for a life whose key is destroyed."""
    raise CellDamaged("no key")


GONE = Searched(LEARNER, lost)
ENROLLED = GONE._replace(home=2, living=LearnerId(*LEARNER, 2), threads=frozenset({THREAD}), since=7)


def event(value: bytes | None, key: str = f"tenant-1/learner-1/{THREAD}/{uid(2, 1)}", *sealed: str) -> Kept:
    return Kept(3, 1, key.encode(), value, tuple((one, b"1") for one in sealed))


def said(fields: dict[str, Any], name: str = "CHAT_MESSAGE_CREATED") -> bytes:
    return schemas.encode(name, fields)


POSTED = message_created(CAUSE, MESSAGE).fields
SEALED = event(said(seal_event(POSTED, KEY.seal)), f"tenant-1/learner-1/{THREAD}/{uid(2, 1)}", HEADER)


def found(topic: str, kept: Kept, whose: Searched = GONE) -> What | None:
    trace = in_record(Place(topic, 2), kept, whose)
    return trace and trace.what


def test_an_event_with_words_is_found() -> None:
    """At its place; not another learner's whose id begins alike."""
    assert in_record(Place("chat.events", 2), event(said(POSTED)), GONE) == Trace(
        What.WORDS, "chat.events[2]@3", "CHAT_MESSAGE_CREATED"
    )
    assert found("chat.events", event(said(POSTED), f"tenant-1/learner-12/{THREAD}")) is None


def test_sealed_words_are_words_where_a_key_opens_them() -> None:
    """And ids where none does."""
    assert found("chat.events", SEALED, Searched(LEARNER, KEY.open)) is What.WORDS
    assert found("chat.events", SEALED) is What.IDS


def test_what_holds_no_words_is_ids() -> None:
    """A tombstone, a deletion, a refusal."""
    deletion = said(message_deleted(CAUSE, MESSAGE, "teacher-1").fields, "CHAT_MESSAGE_DELETED")
    assert [found("chat.events", event(one)) for one in (None, deletion)] == [What.IDS] * 2
    assert found("chat.rejections", event(b"{}", "tenant-1/learner-1")) is What.IDS
    assert found("chat.rejections", event(b"{}", "tenant-1/learner-2")) is None


def command(**changes: Any) -> Kept:
    ids = {"command_id": uid(3, 1), "tenant_id": "tenant-1", "learner_id": "learner-1", "thread_id": THREAD}
    value = json.dumps({"type": "CreateThread", **ids, "title": "hello"} | changes).encode()
    return event(value, "tenant-1/learner-1")


def test_commands_hold_words_by_their_type() -> None:
    """What nobody can read may hold anything."""
    assert found("chat.commands", command()) is What.WORDS
    bare = {key: value for key, value in json.loads(command().value or b"").items() if key != "title"}
    deletion = json.dumps({**bare, "type": "DeleteThread"}).encode()
    assert found("chat.commands", event(deletion, "tenant-1/learner-1")) is What.IDS
    assert found("chat.commands", event(b"\x99", "tenant-1/learner-1")) is What.WORDS


TOPICS_OF_COMMANDS = pytest.mark.parametrize("topic", ["chat.commands", "chat.privacy.commands"])


@TOPICS_OF_COMMANDS
def test_a_command_is_its_learners_whatever_its_key(topic: str) -> None:
    """By the ids in it, also where the rest breaks a rule, or cannot be read; not by another's."""
    under_another = command()._replace(key=b"tenant-1/learner-2")
    escaped = (under_another.value or b"").replace(b"learner-1", b"learner\\u002d1")
    for value in (under_another.value, escaped, escaped.replace(b"hello", b""), b"\x99tenant-1 learner-1"):
        assert found(topic, under_another._replace(value=value)) is What.WORDS
    assert found(topic, command(learner_id="learner-2")._replace(key=None)) is None
    assert found(topic, event(b"\x99tenant-1 learner-12", "?")) is None


@TOPICS_OF_COMMANDS
def test_a_privacy_command_holds_no_words(topic: str) -> None:
    """It is ids, under whichever key."""
    ids = {"command_id": uid(3, 1), "tenant_id": "tenant-1", "learner_id": "learner-1", "request_id": uid(4, 1)}
    enrol = json.dumps({"type": "EnrolLearner", **ids}).encode()
    assert [found(topic, event(enrol, key)) for key in ("tenant-1/learner-1", "?")] == [What.IDS] * 2


@pytest.mark.parametrize(
    "value",
    [
        b'{"learner_id": "learner-1", "tenant_id": "tenant-1"',
        b"\x10tenant-1\x12learner-1Hello",
        b"of tenant-1: learner-1.",
    ],
)
def test_a_dead_letter_is_found_by_its_bytes(value: bytes) -> None:
    """Whatever its key."""
    assert found("chat.dead-letter", event(value, "anything")) is What.WORDS
    assert found("chat.dead-letter", event(b"tenant-1 alone", "anything")) is None
    others = value.replace(b"\x12learner-1", b"\x14learner-1").replace(b"learner-1", b"learner-12")
    assert found("chat.dead-letter", event(others, "anything")) is None


def test_what_is_of_a_new_life_is_no_trace() -> None:
    """Its threads' events, its rows, and commands behind its fence; those before it are."""
    assert found("chat.events", event(said(POSTED)), ENROLLED) is None
    assert found("chat.commands", command()._replace(offset=8), ENROLLED) is None
    assert found("chat.commands", command()._replace(offset=7), ENROLLED) is What.WORDS
    assert found("chat.commands", command()._replace(offset=8), ENROLLED._replace(home=3)) is What.WORDS
    assert found("chat.commands", command()._replace(offset=8, key=b"?"), ENROLLED) is What.WORDS
    row = {"tenant_id": "tenant-1", "learner_id": "learner-1", "generation": 2}
    assert in_row("threads", row, ENROLLED) is None
    assert in_row("threads", row | {"generation": 1}, ENROLLED) is not None


def test_a_row_is_found_by_its_learner_or_by_a_key_that_it_holds() -> None:
    """Not another tenant's, nor one whose id begins alike."""
    row = {"tenant_id": "tenant-1", "learner_id": "learner-1", "generation": 1, "thread_id": THREAD}
    assert in_row("threads", row, GONE) == Trace(What.ROW, f"threads generation=1 thread_id={THREAD}", "learner_id")
    assert in_row("threads", row | {"tenant_id": "tenant-2"}, GONE) is None
    assert in_row("threads", row | {"learner_id": "learner-12"}, GONE) is None
    assert in_row("notes", {"text": b"of tenant-1/learner-1/x"}, GONE) is not None
    assert in_row("notes", {"text": "of tenant-1/learner-12/x"}, GONE) is None
