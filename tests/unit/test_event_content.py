"""Words of events, sealed and opened."""

import json
from typing import Any

import pytest

import schemas
from chat.domain.events import Cause, Event, message_created, message_deleted, thread_created, thread_read
from chat.domain.model import FIRST_LIFE, Details, Learner, LearnerId, Message, Status, Thread
from chat.errors import BadSetting, CellDamaged
from chat.privacy.envelope import DataKey
from chat.privacy.event_content import HEADER, holds_words, open_event, seal_event
from chat.settings import load
from chat.storage.sealing import Cells
from streams.content import PlainContent, SealedContent
from streams.waiting import Waiting
from tests.records import NOW, uid

LEARNER = FIRST_LIFE.of(Learner("tenant-1", "learner-1"))
CAUSE = Cause("tenant-1", "learner-1", uid(3, 1), NOW)
WORDS = ("the cat", "sat on", "the mat")


def key() -> DataKey:
    return DataKey(bytes(range(32)), 1, LEARNER)


def message_event(content: str = WORDS[0], metadata: str = '{"said":"sat on"}') -> Event:
    message = Message(uid(2, 1), uid(1, 1), 1, "teacher-1", content, "text", None, metadata, NOW, NOW)
    return message_created(CAUSE, message)


def thread_event() -> Event:
    details = Details(WORDS[2], '{"said":"sat on"}', "teacher-1", NOW, NOW)
    return thread_created(CAUSE, Thread(uid(1, 1), details, Status.LIVE, 0, 1, 1, 1, 1, NOW))


def without_words() -> list[Event]:
    message = Message(uid(2, 1), uid(1, 1), 1, "teacher-1", None, "text", None, "{}", NOW, NOW)
    return [thread_read(CAUSE, uid(1, 1), "teacher-1", 7), message_deleted(CAUSE, message, "teacher-1")]


@pytest.mark.parametrize("form", list(schemas.Format))
@pytest.mark.parametrize("event", [message_event(), message_event("", "{}"), thread_event()])
def test_a_sealed_event_is_a_record_like_any_other(event: Event, form: schemas.Format) -> None:
    """It fits the published schema in both forms, shows no word, and opens to what it was."""
    sealed = seal_event(event.fields, key().seal)
    value = schemas.encode(event.type, sealed, form)
    assert not any(word.encode() in value for word in WORDS)
    record = schemas.decode(value)
    assert record.fields == sealed
    assert open_event(record.fields, key().open) == event.fields


def test_the_form_is_the_documented_one() -> None:
    """A marked string for content, an object for metadata; all else as it was."""
    sealed = seal_event(message_event().fields, key().seal)
    data = sealed["data"]
    assert data["content"].startswith("sealed:v1:")
    assert json.loads(data["metadata"])["sealed"].startswith("v1:")
    rest = {name: value for name, value in data.items() if name not in {"content", "metadata"}}
    assert rest.items() <= message_event().fields["data"].items()


@pytest.mark.parametrize(
    "change",
    [
        {"content": "the cat"},
        {"content": "sealed:v1:***"},
        {"content": "sealed:v2:AAAA"},
        {"metadata": "{}"},
        {"metadata": '{"sealed":7}'},
        {"metadata": "[]"},
        {"message_id": uid(2, 2)},
        {"thread_id": uid(1, 2)},
    ],
)
def test_what_was_tampered_with_does_not_open(change: dict[str, Any]) -> None:
    """No cell, another mark, another place."""
    sealed = seal_event(message_event().fields, key().seal)
    sealed["data"] |= change
    with pytest.raises(CellDamaged):
        open_event(sealed, key().open)


class Keys:
    """What `SealedContent` asks of learners' keys."""

    async def sealing(self, learners: set[Learner]) -> dict[Learner, tuple[LearnerId, Cells]]:
        return {one: (LEARNER._replace(generation=3), Cells(key(), sealed=True)) for one in learners}


async def test_events_with_words_go_out_sealed_and_say_so() -> None:
    """With the generation in a header; those without words go out as they are, in their place."""
    events = [message_event(), *without_words(), thread_event()]
    said = await SealedContent(Keys(), Waiting()).say(events)  # type: ignore[arg-type]
    assert [list(one.headers) for one in said] == [[(HEADER, b"3")], [], [], [(HEADER, b"3")]]
    assert [one.event.key for one in said] == [one.key for one in events]
    assert [one.event.fields["event_id"] for one in said] == [one.fields["event_id"] for one in events]
    assert said[1].event == events[1]
    assert said[0].event.fields == seal_event(events[0].fields, key().seal)


async def test_plain_events_go_out_as_they_are() -> None:
    """Without a header, whatever a user wrote."""
    events = [message_event("sealed:v1:AAAA", '{"sealed":"v1:AAAA"}'), *without_words()]
    said = await PlainContent().say(events)
    assert [one.event for one in said] == events
    assert not any(one.headers for one in said)
    assert [holds_words(one.fields) for one in events] == [True, False, False]


def test_without_keys_events_cannot_be_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather an error than a plain event that was to be sealed."""
    monkeypatch.setenv("EVENT_CONTENT", "sealed")
    monkeypatch.setenv("MESSAGE_ENCRYPTION", "false")
    with pytest.raises(BadSetting, match="EVENT_CONTENT"):
        load()
