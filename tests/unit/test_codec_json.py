"""Records as JSON: what is read, what is refused, and by which code."""

import json
from typing import Any

import pytest

from schemas import Identity, InvalidRecord, Record, Unreadable, decode, decode_command

IDS = {"command_id": "c-1", "tenant_id": "t-1", "learner_id": "l-1"}
IDENTITY = Identity("c-1", "t-1", "l-1")
POST = {"type": "PostMessage", **IDS, "thread_id": "th-1", "message_id": "m-1", "content": "Hello"}
READ = {"type": "MarkRead", **IDS, "thread_id": "th-1", "seq": 3}
EVENT = {
    "event_id": "e-1",
    "event_type": "CHAT_THREAD_DELETED",
    **IDS,
    "timestamp": "2026-01-15T10:30:00.000Z",
    "data": {"thread_id": "th-1", "deleted_by": "u-1"},
}


def text(record: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**record, **changes}).encode()


def with_metadata(metadata: str) -> bytes:
    """A PostMessage whose metadata has exactly these letters."""
    return text(POST, metadata="?").replace(b'"?"', metadata.encode())


def refused(value: bytes) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        decode(value)
    return raised.value


def dead(value: bytes) -> str:
    with pytest.raises(Unreadable) as raised:
        decode(value)
    return raised.value.code


def test_missing_optional_fields_take_their_defaults() -> None:
    """A message of few words has type text, no reply and empty metadata."""
    fields = {name: value for name, value in POST.items() if name != "type"}
    assert decode(text(POST)) == Record(
        "PostMessage", {**fields, "message_type": "text", "reply_to": None, "metadata": "{}"}
    )


def test_an_event_is_known_by_its_event_type() -> None:
    """An event needs no `type`; its time becomes milliseconds."""
    record = decode(text(EVENT))
    assert record.type == "CHAT_THREAD_DELETED"
    assert record.fields["timestamp"] == 1768473000000


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a":1.10,"b":1e3,"c":-0,"d":123456789012345678901234567890,"e":1E-400,"f":0.1000000000000000055511151231257827}',
        '{"z":1,"a":{"y":[],"b":null},"m":[true,false]}',
        '{"":"ünï \\"quoted\\" \\\\ / \\n \\u0000 👋"}',
    ],
)
def test_metadata_keeps_its_letters(metadata: str) -> None:
    """Numbers, order and text of compact metadata come out as they went in."""
    assert decode(with_metadata(metadata)).fields["metadata"] == metadata


def test_metadata_loses_white_space_and_needless_escapes() -> None:
    """Metadata is compact, with letters in place of escapes."""
    assert (
        decode(with_metadata('{ "a" : [ 1 , 2 ] ,\n "\\u00e9" : "\\/" }')).fields["metadata"] == '{"a":[1,2],"é":"/"}'
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (text(POST, content=5), "content"),
        (text(POST, content=None), "content"),
        (text(POST, reply_to=5), "reply_to"),
        (text(POST, message_type="poem"), "message_type"),
        (text(POST, message_type=None), "message_type"),
        (text(POST, message_type=["text"]), "message_type"),
        (text(POST, metadata="{}"), "metadata"),
        (text(POST, metadata=[]), "metadata"),
        (text(POST, metadata=None), "metadata"),
        (with_metadata('{"a":[1e309]}'), "metadata"),
        (with_metadata('{"a":-' + "9" * 400 + "}"), "metadata"),
        (text(POST, mood="glad"), ""),
        (text(POST, event_type="PostMessage"), ""),
        (text(READ, seq="3"), "seq"),
        (text(READ, seq=3.0), "seq"),
        (text(READ, seq=True), "seq"),
        (text(READ, seq=2**63), "seq"),
        (text(READ, seq=-(2**63) - 1), "seq"),
        (text(EVENT, type="CHAT_THREAD_DELETED"), ""),
        (text(EVENT, data=[]), "data"),
        (text(EVENT, data={"thread_id": "th-1"}), "data.deleted_by"),
        (text(EVENT, data={"thread_id": "th-1", "deleted_by": 7}), "data.deleted_by"),
        (text(EVENT, timestamp=1768473000000), "timestamp"),
        (text(EVENT, timestamp="2026-01-15T10:30:00.000+00:00"), "timestamp"),
        (text(EVENT, timestamp="2026-02-30T10:30:00.000Z"), "timestamp"),
        (text(EVENT, timestamp="٢٠٢٦-01-15T10:30:00.000Z"), "timestamp"),
    ],
)
def test_a_wrong_field_is_named(value: bytes, field: str) -> None:
    """A wrong value is refused by its field's path; what is not in the schema is never named."""
    error = refused(value)
    assert (error.code, error.identity, error.field) == ("invalid", IDENTITY, field)


def test_the_longest_numbers_are_read() -> None:
    """Both ends of a long are numbers."""
    assert decode(text(READ, seq=2**63 - 1)).fields["seq"] == 2**63 - 1
    assert decode(text(READ, seq=-(2**63))).fields["seq"] == -(2**63)


@pytest.mark.parametrize(
    "value",
    [
        text(POST)[:-1] + b', "content": "again"}',
        text(POST)[:-1] + b', "tenant_id": "t-1"}',
        with_metadata('{"a":{"b":1,"b":1}}'),
        with_metadata('{"a":NaN}'),
        with_metadata('{"a":[-Infinity]}'),
        with_metadata('{"a":"\\ud800"}'),
        with_metadata('{"\\uDC00":1}'),
        with_metadata('{"a":"\\udc00\\ud800"}'),
        text(POST, content="x").replace(b'"x"', b'"\\uDFFF"'),
        text(POST)[:-1] + b', "\\ud83d": 1}',
        with_metadata('{"a":' + "9" * 5_000 + "}"),
        with_metadata('{"a":' + "[" * 128 + "]" * 128 + "}"),
    ],
)
def test_a_fault_anywhere_is_a_refusal_of_its_sender(value: bytes) -> None:
    """Names twice, NaN, lone surrogates, endless numbers and deep nesting are invalid, and the identity is found."""
    assert refused(value).identity == IDENTITY


def test_a_pair_of_surrogates_is_a_letter() -> None:
    """An escaped letter beyond the basic plane is no lone surrogate."""
    assert decode(with_metadata('{"a":"\\ud83d\\ude00"}')).fields["metadata"] == '{"a":"😀"}'


def test_nesting_is_deep_enough_for_everybody() -> None:
    """Metadata may nest 128 containers."""
    metadata = '{"a":' + "[" * 127 + "]" * 127 + "}"
    assert decode(with_metadata(metadata)).fields["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        "[" * 400_000 + "]" * 400_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a":' + "9" * 1_000_000 + "}",
        '{"a":1e' + "9" * 1_000_000 + "}",
        '{"a":"' + '\\"[' * 300_000 + '"}',
        '{"a":[' + "[]," * 300_000 + "NaN]}",
    ],
    ids=["arrays", "objects", "digits", "exponent", "quotes", "siblings"],
)
@pytest.mark.timeout(60)
def test_a_megabyte_of_anything_is_judged_soon(metadata: str) -> None:
    """Hostile text of the largest size neither hangs nor breaks the parser; its sender is known."""
    value = with_metadata(metadata)
    found = decode(value).fields["command_id"] if b'\\"[' in value else refused(value).identity.command_id
    assert found == IDENTITY.command_id


@pytest.mark.parametrize(
    "value",
    [
        text(POST)[:-1],
        text(POST) + b"{}",
        text(POST)[:-1] + b", }",
        text(POST).replace(b"Hello", b"\xed\xa0\x80"),
        text(POST).replace(b"Hello", b"a\nb"),
        b"{",
        b"{}}",
        with_metadata("[" * 400_000),
        with_metadata("'" * 10),
        b'{"a":"' + b'\\"' * 400_000,
    ],
)
def test_what_is_no_json_is_undecodable(value: bytes) -> None:
    """Text that no JSON parser reads is a dead letter."""
    assert dead(value) == "undecodable"


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        text(IDS),
        text(POST, type="PostMessages"),
        text(POST, type=None),
        text(POST, type=["PostMessage"]),
        text(POST, type=7),
        text(EVENT, event_type="PostMessage"),
        text(POST, type="x").replace(b'"x"', b'"\\ud800"'),
        text(POST, type="x").replace(b'"x"', b"[" * 500 + b"]" * 500),
    ],
)
def test_a_record_without_a_known_name_is_of_unknown_type(value: bytes) -> None:
    """Without a name that has a schema nobody can say what the record is."""
    assert dead(value) == "unknown_type"


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("bad", [None, "", 7, ["c-1"], {}, "x" * 16_385, "\ud800"])
def test_without_all_three_ids_a_record_is_nobody_s(name: str, bad: Any) -> None:
    """An id that is missing, empty, too long or no text makes a dead letter, whatever else is wrong."""
    assert dead(text(POST, **{name: bad})) == "no_identity"
    assert dead(text(POST, **{name: bad}, mood="glad")) == "no_identity"
    assert dead(text({key: value for key, value in POST.items() if key != name})) == "no_identity"


def test_only_commands_are_commands() -> None:
    """On a command topic an event or a refusal is of unknown type, and a command is not."""
    refusal = {"type": "CommandRejected", **IDS}
    for record in (EVENT, refusal):
        with pytest.raises(Unreadable) as raised:
            decode_command(text(record))
        assert raised.value.code == "unknown_type"
    assert decode_command(text(READ)).type == "MarkRead"
