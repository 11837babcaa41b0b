"""What can be encoded, and what a program is told where it cannot."""

import json
from collections import ChainMap
from typing import Any

import pytest

from schemas import EncodeError, Format, decode, encode

READ = {"command_id": "c-1", "tenant_id": "t-1", "learner_id": "l-1", "thread_id": "th-1", "seq": 3}
CREATE = {"command_id": "c-1", "tenant_id": "t-1", "learner_id": "l-1", "thread_id": "th-1", "title": "Fractions"}
PRIVACY = {"request_id": "r-1", "state": "failed", "reason_code": "timeout"}
EVENT = {
    "event_id": "e-1",
    "event_type": "CHAT_PRIVACY_EXPORT_FAILED",
    "tenant_id": "t-1",
    "learner_id": "l-1",
    "timestamp": 1768473000000,
    "command_id": "c-1",
    "data": PRIVACY,
}


def test_a_command_s_json_is_the_contract_s() -> None:
    """A command names itself in `type`, and its metadata is an object."""
    value = encode("CreateThread", CREATE | {"metadata": '{"a": 1.50}'}, Format.JSON)
    assert value == (
        b'{"type":"CreateThread","command_id":"c-1","tenant_id":"t-1","learner_id":"l-1","thread_id":"th-1",'
        b'"title":"Fractions","metadata":{"a":1.50}}'
    )


def test_an_event_s_json_is_the_contract_s() -> None:
    """An event has no `type`, and its time is RFC 3339 with milliseconds."""
    tree = json.loads(encode("CHAT_PRIVACY_EXPORT_FAILED", EVENT, Format.JSON))
    assert tree == EVENT | {"timestamp": "2026-01-15T10:30:00.000Z"}


@pytest.mark.parametrize("form", Format)
def test_the_format_may_be_a_plain_word(form: Format) -> None:
    """The setting's text does as well as the enum."""
    assert encode("MarkRead", READ, form.value) == encode("MarkRead", READ, form)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", Format)
def test_any_mapping_will_do(form: Format) -> None:
    """Fields need not be a dict, and what is missing takes its default."""
    assert decode(encode("CreateThread", ChainMap(CREATE), form)).fields == CREATE | {"metadata": "{}"}


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    ("record_type", "fields", "field"),
    [
        ("MarkRead", READ | {"seq": "3"}, "seq"),
        ("MarkRead", READ | {"seq": True}, "seq"),
        ("MarkRead", READ | {"seq": 2**63}, "seq"),
        ("MarkRead", READ | {"mood": "kwyjibo"}, ""),
        ("MarkRead", {"seq": 3}, "command_id"),
        ("CreateThread", CREATE | {"title": None}, "title"),
        ("CreateThread", CREATE | {"title": b"Fractions"}, "title"),
        ("CreateThread", CREATE | {"metadata": {}}, "metadata"),
        ("CreateThread", CREATE | {"metadata": "[]"}, "metadata"),
        ("CreateThread", CREATE | {"metadata": '{"a":"\ud800"}'}, "metadata"),
        ("CHAT_PRIVACY_EXPORT_FAILED", EVENT | {"event_type": "kwyjibo"}, "event_type"),
        ("CHAT_PRIVACY_EXPORT_FAILED", EVENT | {"data": None}, "data"),
        ("CHAT_PRIVACY_EXPORT_FAILED", EVENT | {"data": PRIVACY | {"state": 1}}, "data.state"),
        ("CHAT_PRIVACY_EXPORT_FAILED", EVENT | {"timestamp": 253_402_300_800_000}, "timestamp"),
        ("ExportLearnerData", {**READ, "reason": "kwyjibo"}, "request_id"),
        ("Sing", READ, ""),
    ],
)
def test_a_wrong_field_is_named(form: Format, record_type: str, fields: dict[str, Any], field: str) -> None:
    """A record that is none raises EncodeError with the field's path, and repeats no value."""
    with pytest.raises(EncodeError) as raised:
        encode(record_type, fields, form)
    assert raised.value.field == field
    assert "kwyjibo" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("form", Format)
def test_a_lone_surrogate_is_never_written(form: Format) -> None:
    """Text that is not UTF-8 is refused in both formats."""
    with pytest.raises(EncodeError, match="lone surrogate"):
        encode("CreateThread", CREATE | {"title": "\ud800"}, form)


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1768473000250, "2026-01-15T10:30:00.250Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_exact_to_the_millisecond(millis: int, text: str) -> None:
    """A time has one text, and the text has that time."""
    value = encode("CHAT_PRIVACY_EXPORT_FAILED", EVENT | {"timestamp": millis}, Format.JSON)
    assert json.loads(value)["timestamp"] == text
    assert decode(value).fields["timestamp"] == millis
