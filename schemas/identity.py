"""Whose record it is, found even where the rest of the record is wrong."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.binary import read_long, read_text
from schemas.errors import Fault, Identity, Unreadable

MAX_ID = 16_384
"""Characters of an id that can still be read, and repeated in a refusal; the domain allows fewer."""

_READERS: Mapping[str, Callable[[bytes, int], tuple[Any, int]]] = {"string": read_text, "long": read_long}


def identity_of(fields: Mapping[str, Any]) -> Identity:
    """The three ids among a record's fields. Raises Unreadable `no_identity`."""
    identity = Identity(fields.get("command_id", ""), fields.get("tenant_id", ""), fields.get("learner_id", ""))
    if not all(map(_is_readable, identity)):
        raise no_identity()
    return identity


def no_identity() -> Unreadable:
    """The error for a record without all of its ids."""
    return Unreadable("no_identity", "command_id, tenant_id and learner_id cannot all be read")


def has_identity(fields: Mapping[str, str]) -> bool:
    """Whether a record that was read whole, so that each id is good UTF-8, has none too short or too long."""
    return (
        0 < len(fields["command_id"]) <= MAX_ID
        and 0 < len(fields["tenant_id"]) <= MAX_ID
        and 0 < len(fields["learner_id"]) <= MAX_ID
    )


def read_identity(schema: Mapping[str, Any], data: bytes, at: int) -> dict[str, str]:
    """The ids in the Avro datum that begins at `at`, as many as can be read of it.

    All our records have their ids near the front, behind nothing but strings and longs.
    """
    found: dict[str, str] = {}
    try:
        for one in schema["fields"]:
            value, at = _READERS[_avro_type(one)](data, at)
            if one["name"] in Identity._fields:
                found[one["name"]] = value
            if len(found) == len(Identity._fields):
                return found
    except (Fault, IndexError, UnicodeDecodeError):
        return found
    return found


def _avro_type(field: Mapping[str, Any]) -> str:
    name: str = field["type"]["type"] if isinstance(field["type"], dict) else field["type"]
    return name


def _is_readable(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_ID and (value.isascii() or _is_utf8(value))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
