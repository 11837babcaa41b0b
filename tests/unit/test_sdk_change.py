"""What a record of `chat.events` says to a consumer, in either encoding."""

import pytest

import schemas
from chat.domain.events import Cause, message_created
from chat.sdk.change import Entity, Event, Forgotten, Raw, entity, unopened
from chat.sdk.feed import Seen
from chat.sdk.outcome import Position
from tests.api_client import message_at
from tests.records import NOW, uid

WHERE = Position("chat.events", 1, 7)
CREATED = message_created(Cause("t-1", "l-1", uid(3, 1), NOW), message_at(1))
KEY = CREATED.key.encode()


def encoded(form: schemas.Format) -> bytes:
    return schemas.encode(CREATED.type, CREATED.fields, form)


@pytest.mark.parametrize("form", list(schemas.Format))
def test_an_event_is_typed(form: schemas.Format) -> None:
    """The same from Avro as from JSON, with whose it is and where it lies."""
    found = unopened(Raw(KEY, encoded(form), [("flagged", b"1")], WHERE))
    assert isinstance(found, Event)
    assert (found.event_id, found.event_type) == (CREATED.fields["event_id"], "CHAT_MESSAGE_CREATED")
    assert found.entity == Entity("t-1", "l-1", uid(1, 1), uid(2, 1))
    assert found.timestamp.timestamp() * 1000 == NOW
    assert (found.data["content"], found.data["seq"]) == ("message 1", 1)
    assert (found.flagged, found.sealed, found.position) == (True, False, WHERE)


def test_sealed_words_are_said_to_be_sealed() -> None:
    """Where nobody opened them."""
    found = unopened(Raw(KEY, encoded(schemas.Format.AVRO), [("x-content-sealed", b"1")], WHERE))
    assert isinstance(found, Event)
    assert found.sealed


def test_a_kafka_tombstone_says_what_to_forget() -> None:
    """Its key names it."""
    assert unopened(Raw(KEY, None, [], WHERE)) == Forgotten(Entity("t-1", "l-1", uid(1, 1), uid(2, 1)), WHERE)


def test_a_record_of_nobody_says_nothing() -> None:
    """The service writes records without a value whose key has no slash, so that Kafka closes a segment."""
    assert unopened(Raw(b"heartbeat", None, [], WHERE)) is None


def test_a_record_of_an_unknown_version_is_an_error() -> None:
    """It is not passed over."""
    with pytest.raises(schemas.CodecError):
        unopened(Raw(KEY, b"\xc3\x01unknown!", [], WHERE))


@pytest.mark.parametrize(("key", "named"), [
    (b"t/l/thread", Entity("t", "l", "thread")),
    (b"t/l/thread/message", Entity("t", "l", "thread", "message")),
    (b"t/l/thread/read/user", Entity("t", "l", "thread", user_id="user")),
    (b"t/l/privacy/request", Entity("t", "l", request_id="request")),
    (b"", None),
])  # fmt: skip
def test_every_key_of_the_contract_names_an_entity(key: bytes, named: Entity | None) -> None:
    """Threads, messages, marks and privacy requests; anything else is nobody's."""
    assert entity(key) == named


def test_the_latest_ids_are_remembered() -> None:
    """As many as were asked for, the oldest forgotten first, and one that came again is young again."""
    seen = Seen(2)
    for one in ("a", "b", "a", "c"):
        seen.add(one)
    assert [one in seen for one in ("a", "b", "c")] == [True, False, True]
