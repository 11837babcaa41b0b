"""The codec's Avro form, beside fastavro: what we accept it reads alike, what it reads we refuse by our rules."""

import io
from collections.abc import Iterable
from typing import Any

import fastavro

from fuzz import codec, codec_json
from fuzz.codec import Found
from fuzz.target import Reach
from schemas import PUBLISHED, InvalidRecord, Record, decode, encode
from schemas.registry import MARKER, Version

WATCHED: tuple[str, ...] = (
    "schemas.avro_form",
    "schemas.binary",
    "schemas.codec",
    "schemas.identity",
    "schemas.kinds",
    "schemas.shape",
)

HEADER = len(MARKER) + 8
_NOT_AVRO = (EOFError, IndexError, OverflowError, ValueError)
"""What fastavro raises for bytes that are no datum."""

_OURS = {"metadata", "event_type"}
"""Fields that a rule beyond Avro's binds: metadata is a JSON object, an event names itself."""


def seeds() -> Iterable[bytes]:
    """Every good example beside the schemas, so each kind of record."""
    return (encode(*decode(one)) for one in codec_json.seeds())


def one_input(data: bytes) -> Reach:
    """A value as it comes from Kafka."""
    found, reach = codec.judge(data)
    version = PUBLISHED.by_fingerprint.get(data[len(MARKER) : HEADER])
    if version is not None and data.startswith(MARKER):
        _assert_fastavro_agrees(version, data[HEADER:], found)
    return reach


def _assert_fastavro_agrees(version: Version, datum: bytes, found: Found) -> None:
    read = _as_fastavro(version, datum)
    if isinstance(found, Record):
        assert version is not PUBLISHED.newest[found.type] or read == found.fields
    elif read is not None and _is_canonical(version, datum, read):
        assert _is_ours(found), "refused although it is good Avro"


def _as_fastavro(version: Version, datum: bytes) -> Any:
    """The fields that fastavro reads, None where it finds something else than one datum."""
    body = io.BytesIO(datum)
    try:
        fields = fastavro.schemaless_reader(body, _SCHEMAS[version.fingerprint], None)
    except _NOT_AVRO:
        return None
    return None if body.read(1) else fields


def _is_canonical(version: Version, datum: bytes, fields: Any) -> bool:
    """Whether fastavro would write it so: it reads indices from the end and numbers that run over, too."""
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, _SCHEMAS[version.fingerprint], fields)
    except _NOT_AVRO:
        return False
    return out.getvalue() == datum


def _is_ours(found: Found) -> bool:
    if isinstance(found, InvalidRecord):
        return found.field.rpartition(".")[2] in _OURS or found.rule == "is out of range"
    return not isinstance(found, Record) and found.code == "no_identity"


def plain(schema: Any) -> Any:
    """The schema without logical types, so that fastavro leaves times as numbers, beyond Python's years too."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(one) for one in schema] if isinstance(schema, list) else schema


_SCHEMAS = {one.fingerprint: fastavro.parse_schema(plain(one.schema)) for one in PUBLISHED.versions}
