"""Confluent's wire framing: 00, the id of the writer's schema in a registry (4 bytes, big-endian), the datum.

An id says nothing by itself. What this service frames so has the schema's fingerprint beside it, in a header: whoever
has our schemas reads it without a registry, and after a registry was lost.
"""

import json
import struct
from collections.abc import Iterable

from schemas.canonical import fingerprint
from schemas.registry import MARKER

MARK = b"\x00"
HEADER = "avro-fingerprint"
"""The record header with CRC-64-AVRO of the writer's schema, as `published.json` has it: 16 hexadecimal digits."""

NONE_OF_OURS = bytes(8)
"""Stands for the fingerprint of what is no Avro schema of the kinds that ours are made of."""

_HEAD = struct.Struct(">bi")
_OWN_HEAD = len(MARKER) + len(NONE_OF_OURS)


def is_framed(value: object) -> bool:
    """Whether a value says that it is framed so; any other framing's first byte is another."""
    return isinstance(value, bytes) and value.startswith(MARK)


def schema_id(value: bytes) -> int | None:
    """The id in a framed value; None where it is cut short, or no number that a registry gives: 1 to 2^31-1."""
    if len(value) < _HEAD.size:
        return None
    number: int = _HEAD.unpack_from(value)[1]
    return number if number > 0 else None


def unframed(value: bytes, of_schema: bytes) -> bytes:
    """The single-object encoding of a framed value whose writer's schema has this fingerprint."""
    return MARKER + of_schema + value[_HEAD.size :]


def framed(value: bytes, number: int) -> tuple[bytes, bytes]:
    """The framed value of a single-object encoding, by its schema's id in the registry; and its `HEADER`."""
    return _HEAD.pack(0, number) + value[_OWN_HEAD:], value[len(MARKER) : _OWN_HEAD][::-1].hex().encode()


def plain(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """A record's value without the framing, by the header that is beside it; as it is where there is none."""
    if value is None or not is_framed(value):
        return value
    digits = dict(headers).get(HEADER) or b""
    try:
        of_schema = bytes.fromhex(digits.decode("ascii"))[::-1]
    except ValueError:
        return value
    return unframed(value, of_schema) if len(of_schema) == len(NONE_OF_OURS) else value


def fingerprint_of(text: str) -> bytes:
    """CRC-64-AVRO of a schema's text, or `NONE_OF_OURS`; whatever the text is."""
    try:
        return fingerprint(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return NONE_OF_OURS
