"""A record as Avro's single-object encoding: C3 01, the writer's fingerprint, the datum."""

from collections.abc import Mapping
from typing import Any

from schemas.errors import Fault, InvalidRecord, Unreadable
from schemas.identity import has_identity, identity_of, no_identity, read_identity
from schemas.registry import MARKER, Version

_FINGERPRINT = slice(len(MARKER), len(MARKER) + 8)
_DATUM = _FINGERPRINT.stop


def encode(version: Version, fields: Mapping[str, Any]) -> bytes:
    """Raises Fault."""
    out = bytearray(version.header)
    version.shape.write(out, fields)
    return bytes(out)


def decode(
    value: bytes, writers: Mapping[bytes, Version], accepted: Mapping[str, Version]
) -> tuple[str, dict[str, Any]]:
    """The name and fields of a value that begins with MARKER, as the accepted version of its type has them.

    Raises Unreadable and InvalidRecord.
    """
    writer = writers.get(value[_FINGERPRINT])
    if writer is None:
        raise _unknown(value)
    reader = accepted.get(writer.name)
    if reader is None:
        raise Unreadable("unknown_type", "the type does not belong on this topic")
    fields, fault = _fields(value, writer)
    if fault is not None:
        identity = identity_of(read_identity(writer.schema, value, _DATUM))
        raise InvalidRecord(writer.name, identity, fault.field, fault.rule)
    if not has_identity(fields):
        raise no_identity()
    return writer.name, fields if reader is writer else reader.shape.adapt(fields)


def _unknown(value: bytes) -> Unreadable:
    if len(value) < _DATUM:
        return Unreadable("undecodable", "the value ends inside its header")
    return Unreadable("unknown_schema", "the fingerprint belongs to no published schema")


def _fields(value: bytes, writer: Version) -> tuple[dict[str, Any], Fault | None]:
    try:
        fields, end = writer.shape.read(value, _DATUM)
    except Fault as fault:
        return {}, fault
    return fields, None if end == len(value) else Fault("is followed by other bytes")
