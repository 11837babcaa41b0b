"""Records as Avro's single-object encoding: what is read, what is refused, and by which code."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas import PUBLISHED, Identity, InvalidRecord, Unreadable, decode, decode_command, encode
from schemas.binary import read_long, write_long, write_text
from schemas.errors import Fault

IDS = {"command_id": "c-1", "tenant_id": "t-1", "learner_id": "l-1"}
IDENTITY = Identity("c-1", "t-1", "l-1")
POST = {**IDS, "thread_id": "th-1", "message_id": "m-1", "content": "Hello"}
EVENT = {**IDS, "event_id": "e-1", "timestamp": 0, "data": {"thread_id": "th-1", "deleted_by": "u-1"}}


def datum(*parts: str | int | bytes) -> bytes:
    """Texts and numbers in Avro's form one after the other; bytes as they are."""
    out = bytearray()
    for part in parts:
        if isinstance(part, bytes):
            out += part
        else:
            write_text(out, part) if isinstance(part, str) else write_long(out, part)
    return bytes(out)


def post(*rest: str | int | bytes) -> bytes:
    """A PostMessage of good ids and content, and the rest as given: type, branch of reply_to, metadata."""
    return PUBLISHED.newest["PostMessage"].header + datum("c-1", "t-1", "l-1", "th-1", "m-1", "Hello", *rest)


def refused(value: bytes) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        decode(value)
    return raised.value


def dead(value: bytes | None) -> str:
    with pytest.raises(Unreadable) as raised:
        decode(value)
    return raised.value.code


def test_an_avro_value_is_the_specification_s() -> None:
    """A value is C3 01, the fingerprint with its lowest byte first, and the fields one after the other."""
    assert encode("PostMessage", POST) == post(0, 0, "{}")
    assert encode("PostMessage", POST)[:2] == b"\xc3\x01"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (post(), "message_type"),
        (post(6, 0, "{}"), "message_type"),
        (post(-1, 0, "{}"), "message_type"),
        (post(b"\xff" * 20), "message_type"),
        (post(0, 2, "m-0", "{}"), "reply_to"),
        (post(0, -1, "m-0", "{}"), "reply_to"),
        (post(0, 1, -1), "reply_to"),
        (post(0, 1, -(2**63)), "reply_to"),
        (post(0, 1, 2**62, b"m-0"), "reply_to"),
        (post(0, 1, 2, b"\xff\xfe", "{}"), "reply_to"),
        (post(0, 1, 3, b"\xed\xa0\x80", "{}"), "reply_to"),
        (post(0, 0, "{}")[:-1], "metadata"),
        (post(0, 0, "[]"), "metadata"),
        (post(0, 0, ""), "metadata"),
        (post(0, 0, "null"), "metadata"),
        (post(0, 0, "{'a':1}"), "metadata"),
        (post(0, 0, '{"a":1,"a":1}'), "metadata"),
        (post(0, 0, '{"a":NaN}'), "metadata"),
        (post(0, 0, '{"a":"\\ud800"}'), "metadata"),
        (post(0, 0, '{"a":' + "9" * 5_000 + "}"), "metadata"),
        (post(0, 0, '{"a":' + "[" * 128 + "]" * 128 + "}"), "metadata"),
        (post(0, 0, '{"a":' + "[" * 400_000 + "]" * 400_000 + "}"), "metadata"),
        (post(0, 0, "{}", b"\x00"), ""),
    ],
)
def test_what_is_broken_behind_the_ids_is_a_refusal(value: bytes, field: str) -> None:
    """A datum that is cut, overrun, out of range or not UTF-8 is invalid, by its field."""
    error = refused(value)
    assert (error.record_type, error.identity, error.field) == ("PostMessage", IDENTITY, field)


def test_an_event_s_ids_are_found_in_front_of_its_fault() -> None:
    """An event of another name, at an impossible time, with broken data is still somebody's."""
    head = PUBLISHED.newest["CHAT_THREAD_DELETED"].header
    value = head + datum("e-1", "CHAT_THREAD_READ", "t-1", "l-1", 2**62, "c-1", b"\xff")
    assert refused(value).identity == IDENTITY


@pytest.mark.parametrize(
    ("fields", "field"),
    [(EVENT | {"timestamp": 253_402_300_800_000}, "timestamp"), (EVENT | {"event_type": "OTHER"}, "event_type")],
)
def test_an_impossible_event_is_invalid(fields: Mapping[str, Any], field: str) -> None:
    """A time after the year 9999 and a name that is not the schema's are refused."""
    event_type = fields.get("event_type", "CHAT_THREAD_DELETED")
    ids = (fields["event_id"], event_type, "t-1", "l-1", fields["timestamp"], "c-1")
    assert refused(PUBLISHED.newest["CHAT_THREAD_DELETED"].header + datum(*ids, "th-1", "u-1")).field == field


def test_metadata_is_compacted_as_in_json() -> None:
    """White space in a producer's metadata text is no part of the record."""
    assert decode(post(0, 0, '{ "a" : 1.0 }')).fields["metadata"] == '{"a":1.0}'


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "undecodable"),
        (b"", "undecodable"),
        (b"\xc3", "undecodable"),
        (b"\xc3\x02" + b"\x00" * 20, "undecodable"),
        (b"\x00\x00\x00\x00\x01", "undecodable"),
        (b" {}", "undecodable"),
        (b"\xef\xbb\xbf{}", "undecodable"),
        (encode("PostMessage", POST)[:9], "undecodable"),
        (b"\xc3\x01" + b"\x00" * 20, "unknown_schema"),
        (encode("PostMessage", POST)[:10], "no_identity"),
        (encode("PostMessage", POST)[:17], "no_identity"),
        (encode("PostMessage", POST | {"learner_id": ""}), "no_identity"),
        (encode("PostMessage", POST | {"learner_id": "x" * 16_385}), "no_identity"),
        (PUBLISHED.newest["PostMessage"].header + datum(1, b"\xff", "t-1", "l-1"), "no_identity"),
        (PUBLISHED.newest["PostMessage"].header + datum(2**62), "no_identity"),
    ],
)
def test_what_nobody_can_read_is_a_dead_letter(value: bytes | None, code: str) -> None:
    """Bytes without a known type or a whole identity are unreadable, by their code."""
    assert dead(value) == code


def test_ids_of_16384_letters_are_read() -> None:
    """The longest id that is still one counts letters, not bytes."""
    assert decode(encode("PostMessage", POST | {"learner_id": "ü" * 16_384})).fields["learner_id"] == "ü" * 16_384


def test_only_commands_are_commands() -> None:
    """On a command topic an event is of unknown type, and a command is not."""
    with pytest.raises(Unreadable) as raised:
        decode_command(encode("CHAT_THREAD_DELETED", EVENT | {"event_type": "CHAT_THREAD_DELETED"}))
    assert raised.value.code == "unknown_type"
    assert decode_command(encode("PostMessage", POST)).type == "PostMessage"


@pytest.mark.parametrize("number", [0, -1, 1, 63, -64, 64, 8191, 8192, 2**31, 2**63 - 1, -(2**63)])
def test_numbers_come_back(number: int) -> None:
    """Every size of number is read from what was written for it, and no byte more."""
    value = datum(number)
    assert read_long(value + b"\xff", 0) == (number, len(value))


@pytest.mark.parametrize("value", [b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x02", b"\xff" * 9 + b"\x7f"])
def test_a_number_of_more_than_64_bits_is_none(value: bytes) -> None:
    """A number that would run over is refused, not wrapped."""
    with pytest.raises(Fault):
        read_long(value, 0)
