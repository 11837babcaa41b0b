"""Commands as records."""

import json
import uuid
from typing import Any

import pytest

import schemas
from chat.domain.partition import partition_of
from chat.errors import BadInput
from chat.sdk.producer import headers
from chat.sdk.record import outgoing
from chat.topic_specs import Topic
from tests.records import uid

POST = {
    "type": "PostMessage",
    "command_id": uid(3, 1),
    "tenant_id": "t",
    "learner_id": "l",
    "thread_id": uid(1, 1),
    "message_id": uid(2, 1),
    "content": "Hello",
    "metadata": {"a": [1, None]},
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (POST | changes).items() if name not in names}


def test_a_command_becomes_avro_under_its_learners_key() -> None:
    """A right command is Avro on chat.commands, with key and partition of its learner."""
    record = outgoing(POST)
    assert (record.topic, record.key, record.value[:2]) == (Topic.COMMANDS, b"t/l", b"\xc3\x01")
    assert record.partition(8) == partition_of(b"t/l", 8)
    decoded = schemas.decode_command(record.value)
    assert decoded.type == "PostMessage"
    assert decoded.fields == {
        **without("type"),
        "metadata": '{"a":[1,null]}',
        "message_type": "text",
        "reply_to": None,
    }


@pytest.mark.parametrize(
    ("record_type", "made"),
    [
        ("CreateThread", {"command_id", "thread_id"}),
        ("PostMessage", {"command_id", "message_id"}),
        ("EditMessage", {"command_id"}),
        ("ExportLearnerData", {"command_id", "request_id"}),
    ],
)
def test_missing_ids_are_made(record_type: str, made: set[str]) -> None:
    """The command's id and that of the new thing are made as UUIDv7 where they are missing; no other field is."""
    command = {"type": record_type, "tenant_id": "t", "learner_id": "l"}
    new = outgoing(command).command
    assert new.keys() - command.keys() == made
    assert {uuid.UUID(new[name]).version for name in made} == {7}


def test_given_ids_are_kept() -> None:
    """An id that is given, even a wrong one, is sent as it is."""
    assert outgoing(POST | {"command_id": "mine"}).command["command_id"] == "mine"


def test_privacy_commands_go_to_their_own_topic() -> None:
    """Export, deletion and enrolment are on chat.privacy.commands."""
    for name in ("ExportLearnerData", "DeleteLearnerData", "EnrolLearner"):
        assert outgoing({"type": name, "tenant_id": "t", "learner_id": "l"}).topic == Topic.PRIVACY_COMMANDS


@pytest.mark.parametrize(
    "command",
    [without("thread_id"), POST | {"extra": 1}, POST | {"type": "Nonsense"}, POST | {"content": 5}, without("type")],
)
def test_what_fits_no_schema_goes_as_the_json_that_it_is(command: dict[str, Any]) -> None:
    """A wrong command is left to the service: its JSON is sent under its learner's key."""
    record = outgoing(command)
    assert json.loads(record.value) == command
    assert record.key == b"t/l"


def test_a_command_without_a_learner_has_no_key() -> None:
    """Whose command it is cannot be told, so it goes without a key to partition 0."""
    record = outgoing(without("learner_id"))
    assert (record.key, record.identity, record.partition(8)) == (None, None, 0)


@pytest.mark.parametrize("bad", [object(), "\ud800", {1, 2}, {"a": 2**70, "b": float("nan")}])
def test_what_is_no_json_is_an_error_of_the_caller(bad: Any) -> None:
    """A value that JSON cannot say is refused before anything is sent."""
    with pytest.raises(BadInput, match="command: must be what JSON can say"):
        outgoing(POST | {"content": bad})


def test_an_integer_of_any_length_keeps_its_digits() -> None:
    """Of metadata; orjson alone knows 64 bits."""
    record = outgoing(POST | {"metadata": {"id": 123456789012345678901234567890}})
    assert schemas.decode_command(record.value).fields["metadata"] == '{"id":123456789012345678901234567890}'


def test_headers_are_those_that_are_given() -> None:
    """Token, correlation id and traceparent become headers; what is not given is not there."""
    assert headers("jwt", "", "") == [("authorization", b"Bearer jwt")]
    assert dict(headers("jwt", "c", "00-ab")) == {
        "authorization": b"Bearer jwt",
        "correlation-id": b"c",
        "traceparent": b"00-ab",
    }


def test_a_command_needs_a_token() -> None:
    """Without a token nothing is sent."""
    with pytest.raises(BadInput, match="token"):
        headers("", "c", "")
