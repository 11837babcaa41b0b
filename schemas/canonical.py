"""A schema's Parsing Canonical Form and its CRC-64-AVRO fingerprint, after the Avro 1.12 specification.

What changes nothing for a reader of bytes (docs, defaults, aliases, logical types) is not in the form. Of Avro's types
this knows those that our schemas use, and names their types in full.
"""

import json
from typing import Any

_EMPTY = 0xC15D213AA4D7A795
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


def canonical_form(schema: Any, namespace: str = "") -> str:
    """The schema without what is only for people, in the one order and spelling that the specification gives."""
    return json.dumps(_reduced(schema, namespace), separators=(",", ":"), ensure_ascii=False)


def fingerprint(schema: Any) -> bytes:
    """8 bytes, little-endian: as they stand in a single-object encoding's header."""
    crc = _EMPTY
    for byte in canonical_form(schema).encode():
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(8, "little")


def _reduced(schema: Any, namespace: str) -> Any:
    match schema:
        case str():
            return schema if schema in _PRIMITIVES else _full_name(schema, namespace)
        case list():
            return [_reduced(one, namespace) for one in schema]
        case {"type": "enum", "name": name, "symbols": symbols}:
            return {"name": _full_name(name, _space(schema, namespace)), "type": "enum", "symbols": symbols}
        case {"type": "record", "name": name, "fields": fields}:
            space = _space(schema, namespace)
            reduced = [{"name": one["name"], "type": _reduced(one["type"], space)} for one in fields]
            return {"name": _full_name(name, space), "type": "record", "fields": reduced}
        case {"type": str(primitive)} if primitive in _PRIMITIVES:
            return primitive
    raise ValueError("a schema of a kind that is not used here")


def _space(schema: dict[str, Any], around: str) -> str:
    name: str = schema["name"]
    return name.rpartition(".")[0] or schema.get("namespace", around)


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_EMPTY & -(byte & 1))
    return byte


_TABLE = tuple(map(_table_entry, range(256)))
