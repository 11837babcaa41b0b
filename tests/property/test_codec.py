"""The codec against records and bytes that nobody thought of."""

import io
import json
import string
from collections.abc import Callable
from datetime import datetime
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.codec_avro import plain
from schemas import (
    PUBLISHED,
    CodecError,
    Format,
    Identity,
    InvalidRecord,
    Record,
    Unreadable,
    decode,
    decode_command,
    encode,
)
from schemas.json_text import compact
from schemas.kinds import Constant, Enum, Integer, Kind, Metadata, Nullable
from schemas.shape import Shape

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says more of the machine than of the codec; pytest's own limit ends a test that hangs."""

HEADER = 10
CANARY = "kwyjibo"
"""A word in every text, which no error may repeat."""

TEXTS = st.text().map(lambda text: f"{CANARY}{text}")
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
NAMES = st.text(st.sampled_from(string.ascii_letters + 'é"\\\x00\u2028👋'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=4).map(lambda tree: compact(json.dumps(tree)))


def values_of(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    """What a field of this kind may be."""
    match kind:
        case Shape():
            return st.fixed_dictionaries({one.name: values_of(one.kind, one.name) for one in kind.fields})
        case Enum() | Constant():
            return st.sampled_from(kind.symbols if isinstance(kind, Enum) else [kind.value])
        case Integer():
            return st.integers(kind.low, kind.high)
        case Nullable():
            return st.none() | values_of(kind.kind, name)
        case Metadata():
            return METADATA
    return IDS if name in Identity._fields else TEXTS


RECORDS = {
    name: values_of(one.shape, "").map(lambda fields, name=name: Record(name, fields))  # type: ignore[misc]
    for name, one in PUBLISHED.newest.items()
}
ANY_RECORD = st.one_of(*RECORDS.values())
ANY_FORMAT = st.sampled_from(Format)


@pytest.mark.parametrize("name", RECORDS)
@settings(PATIENT, max_examples=40)
@given(data=st.data())
def test_every_record_survives_both_formats(name: str, data: st.DataObject) -> None:
    """A record of any type comes back equal, from Avro and from JSON, whatever its fields hold."""
    record = data.draw(RECORDS[name])
    for form in Format:
        assert decode(encode(record.type, record.fields, form)) == record


@PATIENT
@given(record=ANY_RECORD)
def test_json_is_json_for_everybody(record: Record) -> None:
    """A strict parser of another make reads our JSON, and finds metadata as an object."""
    tree = json.loads(encode(record.type, record.fields, Format.JSON))
    inner = tree.get("data", tree)
    assert tree.get("type", tree.get("event_type")) == record.type
    assert all(type(inner[name]) in {dict, type(None)} for name in {"metadata"} & inner.keys())


@PATIENT
@given(record=ANY_RECORD)
def test_fastavro_reads_what_we_write(record: Record) -> None:
    """Another implementation reads the same fields from the bytes behind the header, and is at their end then."""
    body = io.BytesIO(encode(record.type, record.fields)[HEADER:])
    found = fastavro.schemaless_reader(body, plain(PUBLISHED.newest[record.type].schema), None)
    assert found == record.fields
    assert body.read() == b""


@PATIENT
@given(record=ANY_RECORD)
def test_we_read_what_fastavro_writes(record: Record) -> None:
    """What another implementation writes decodes to the same record, and is what we write ourselves."""
    version = PUBLISHED.newest[record.type]
    out = io.BytesIO(version.header)
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, plain(version.schema), record.fields)
    assert decode(out.getvalue()) == record
    assert out.getvalue() == encode(record.type, record.fields)


@PATIENT
@given(millis=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: int(at.timestamp() * 1000)))  # noqa: DTZ001 - any time will do
def test_times_are_times_for_fastavro(millis: int) -> None:
    """A reader that knows logical types finds our times to be times of the same millisecond."""
    fields = {"command_id": "c", "tenant_id": "t", "learner_id": "l", "code": "invalid", "detail": "", "topic": "x"}
    value = encode("CommandRejected", fields | {"partition": 0, "offset": 0, "timestamp": millis})
    found = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), PUBLISHED.newest["CommandRejected"].schema, None)
    assert isinstance(found, dict)
    assert isinstance(found["timestamp"], datetime)
    assert round(found["timestamp"].timestamp() * 1000) == millis


@PATIENT
@given(
    value=st.binary()
    | st.binary().map(lambda tail: b"\xc3\x01" + tail)
    | st.text().map(lambda text: f"{{{text}".encode())
)
@example(b"")
@example(b"\xc3")
@example(b"{")
@example(b"\xef\xbb\xbf{}")
def test_random_bytes_are_unreadable(value: bytes) -> None:
    """Bytes that are no record raise Unreadable."""
    with pytest.raises(Unreadable):
        decode(value)


@PATIENT
@given(tree=VALUES, head=st.sampled_from(["type", "event_type"]), name=st.sampled_from([*PUBLISHED.newest]))
def test_random_json_under_a_known_name_raises_nothing_else(tree: Any, head: str, name: str) -> None:
    """Any JSON that claims to be a record is one, or raises an error of the codec."""
    outcome(json.dumps({head: name, "data": tree, "metadata": tree, "seq": tree, "tenant_id": tree}).encode())


@PATIENT
@given(body=st.binary(), version=st.sampled_from(PUBLISHED.versions))
def test_random_bytes_behind_a_known_header_raise_nothing_else(body: bytes, version: Any) -> None:
    """Any bytes under a published fingerprint are a record, or raise an error of the codec."""
    outcome(version.header + body)


@PATIENT
@given(record=ANY_RECORD, form=ANY_FORMAT, data=st.data())
def test_a_broken_record_raises_nothing_else(record: Record, form: Format, data: st.DataObject) -> None:
    """Good bytes that were cut, mixed up or overwritten are a record, or raise an error that repeats none of them."""
    value = encode(record.type, record.fields, form)
    outcome(data.draw(broken(value)))


@st.composite
def broken(draw: st.DrawFn, value: bytes) -> bytes:
    """`value` with some places cut out, overwritten or filled in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(value)))
        end = draw(st.integers(start, min(len(value), start + 12)))
        patch = draw(
            st.binary(max_size=12) | st.sampled_from([b"", b"\x01", b"\xff" * 9 + b"\x01", b'"', b"{", b"[[[", b"NaN"])
        )
        value = value[:start] + patch + value[end:]
    return value


def outcome(value: bytes) -> None:
    """Decodes; anything but a record that can be encoded again or a silent error fails the test."""
    for read in (decode, decode_command):
        found = attempt(read, value)
        if isinstance(found, Record):
            assert decode(encode(found.type, found.fields)) == found
        else:
            assert CANARY not in f"{found} {found.detail}"
            assert found.__cause__ is found.__context__ is None


def attempt(read: Callable[[bytes], Record], value: bytes) -> Record | CodecError:
    try:
        return read(value)
    except CodecError as error:
        return error


@PATIENT
@given(record=ANY_RECORD, data=st.data())
def test_a_datum_broken_behind_its_ids_is_still_somebody_s(record: Record, data: st.DataObject) -> None:
    """Avro that is cut anywhere behind its three ids is an invalid record of that identity."""
    value = encode(record.type, record.fields)
    ids = (record.fields["command_id"], record.fields["tenant_id"], record.fields["learner_id"])
    with pytest.raises(InvalidRecord) as raised:
        decode(value[: data.draw(st.integers(end_of_ids(record), len(value) - 1))])
    assert raised.value.identity == ids
    assert raised.value.record_type == record.type


@PATIENT
@given(record=ANY_RECORD, data=st.data())
def test_a_datum_cut_inside_its_ids_is_nobody_s(record: Record, data: st.DataObject) -> None:
    """Avro that is cut inside its ids is a dead letter without identity."""
    value = encode(record.type, record.fields)
    with pytest.raises(Unreadable) as raised:
        decode(value[: data.draw(st.integers(HEADER, end_of_ids(record) - 1))])
    assert raised.value.code == "no_identity"


def end_of_ids(record: Record) -> int:
    """Where the last of the three ids ends in the record's Avro value."""
    out = bytearray(HEADER)
    left = {"command_id", "tenant_id", "learner_id"}
    for name, kind, _ in PUBLISHED.newest[record.type].shape.fields:
        kind.write(out, record.fields[name])
        left.discard(name)
        if not left:
            break
    return len(out)


@PATIENT
@given(tree=st.dictionaries(NAMES, VALUES))
def test_metadata_keeps_its_meaning_and_its_order(tree: dict[str, Any]) -> None:
    """Compacting changes white space and escapes only: the same names in the same order with the same values."""
    text = compact(json.dumps(tree, indent=3))
    assert json.loads(text) == tree
    assert text == json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
    assert compact(text) == text
