"""Avro's binary form of the two primitives that all our types are made of: long and string.

After "Binary Encoding" of the Avro 1.12 specification. Stricter than fastavro, which takes a negative index of a union
or an enum for one counted from the end, and lets a number of more than 64 bits run over.
Readers take the bytes and a position, and give the value and the position behind it; bytes that end too soon raise
Fault or IndexError, text that is not UTF-8 raises UnicodeDecodeError.
"""

from typing import Any

from schemas.errors import Fault

_SIGN_OR_MORE = 0x81
"""A first byte without these bits is a whole length, not negative, below 64: most ids and words are that short."""

_SHORT = 64
"""Lengths below this take one byte."""

_LONGEST = 63
"""The shift of a 64-bit number's tenth and last byte."""


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """A zig-zag number of up to 64 bits, seven to a byte, the lowest first."""
    byte = data[at]
    raw, shift = byte & 0x7F, 7
    while byte & 0x80:
        if shift > _LONGEST:
            raise Fault("is a number of more than 64 bits")
        at += 1
        byte = data[at]
        raw |= (byte & 0x7F) << shift
        shift += 7
    if raw >> 64:
        raise Fault("is a number of more than 64 bits")
    return (raw >> 1) ^ -(raw & 1), at + 1


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """A length in bytes, then UTF-8. A claimed length is never allocated, only compared."""
    length = data[at]
    if length & _SIGN_OR_MORE:
        length, at = read_long(data, at)
    else:
        length, at = length >> 1, at + 1
    end = at + length
    if length < 0 or end > len(data):
        raise Fault("is cut short")
    return data[at:end].decode(), end


def write_long(out: bytearray, number: int) -> None:
    """Appends a number of at most 64 bits."""
    raw = (number << 1) ^ (number >> 63)
    while raw > 0x7F:  # noqa: PLR2004 - seven bits
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)


def write_text(out: bytearray, value: Any) -> None:
    """Appends a text. Raises Fault where it is none, UnicodeEncodeError for a lone surrogate."""
    if not isinstance(value, str):
        raise Fault("must be a string")
    encoded = value.encode()
    length = len(encoded)
    if length < _SHORT:
        out.append(length << 1)
    else:
        write_long(out, length)
    out += encoded
