"""Bytes to records and back: Avro's single-object encoding, or the same record as JSON.

`decode` raises Unreadable or InvalidRecord for bytes that are no record, whatever they are, and nothing else. An older
version's record comes out as the newest version has it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from schemas import avro_form, confluent, json_form
from schemas.errors import EncodeError, Fault, Unreadable
from schemas.registry import MARKER, PUBLISHED, Registry, Version


class Format(StrEnum):
    """How a value is written: two of the words of the setting EVENT_FORMAT; the third frames Avro's otherwise."""

    AVRO = "avro"
    JSON = "json"


class Record(NamedTuple):
    """A record's name, and all of its fields with defaults filled in.

    Strings, enums' words and ids are str, numbers int, times int (UTC milliseconds since 1970), metadata the compact
    text of a JSON object, an event's `data` a dict; what may be null is None.
    """

    type: str
    fields: dict[str, Any]


def decode(
    value: bytes | None, registry: Registry = PUBLISHED, *, headers: Iterable[tuple[str, bytes | None]] = ()
) -> Record:
    """The record of any known type in a Kafka value. Raises Unreadable or InvalidRecord.

    With the Kafka record's `headers`, what this service wrote in Confluent's framing can be read too.
    """
    return _decode(confluent.plain(value, headers), registry, registry.newest)


def decode_command(value: bytes | None, registry: Registry = PUBLISHED) -> Record:
    """The command in a Kafka value; any other record is of unknown type. Raises Unreadable or InvalidRecord."""
    return _decode(value, registry, registry.commands)


def encode(
    record_type: str,
    fields: Mapping[str, Any],
    format: Format = Format.AVRO,  # noqa: A002 - the word that the contract has for it
    registry: Registry = PUBLISHED,
) -> bytes:
    """A record's value by its newest schema; what is missing takes its default. Raises EncodeError."""
    version = registry.newest.get(record_type)
    if version is None:
        raise EncodeError("unknown type", "", "has no schema")
    value = _encode(version, fields, format)
    if isinstance(value, Fault):
        raise EncodeError(record_type, value.field, value.rule)
    return value


def _encode(version: Version, fields: Mapping[str, Any], form: Format) -> bytes | Fault:
    """The bytes, or what is wrong: given back, so that no error carries another, with what it was about, behind it."""
    encode_as = avro_form.encode if form == Format.AVRO else json_form.encode
    try:
        return encode_as(version, fields)
    except Fault as fault:
        return fault


def _decode(value: bytes | None, registry: Registry, accepted: Mapping[str, Version]) -> Record:
    if not value:
        raise Unreadable("undecodable", "the value is empty")
    if value.startswith(MARKER):
        return Record(*avro_form.decode(value, registry.by_fingerprint, accepted))
    if value.startswith(b"{"):
        return Record(*json_form.decode(value, accepted))
    raise Unreadable("undecodable", "the value is neither Avro's single-object encoding nor a JSON object")
