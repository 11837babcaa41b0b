"""A record as a JSON object: a command or a refusal names itself in `type`, an event in its field `event_type`."""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.errors import Fault, InvalidRecord, Unreadable
from schemas.identity import identity_of
from schemas.json_text import MAX_DEPTH, parse, survey
from schemas.registry import Version

_MAX_DEPTH = MAX_DEPTH + 2
"""An event and its `data` stand around its metadata."""


def encode(version: Version, fields: Mapping[str, Any]) -> bytes:
    """Raises Fault."""
    tree = version.shape.dump(fields)
    try:
        return orjson.dumps(tree if version.is_event else {"type": version.name, **tree})
    except orjson.JSONEncodeError:
        raise Fault("has a lone surrogate") from None


def decode(value: bytes, accepted: Mapping[str, Version]) -> tuple[str, dict[str, Any]]:
    """The name and fields of a value that begins with `{`. Raises Unreadable and InvalidRecord."""
    tree, fault = _tree(value)
    version = _version(tree, accepted)
    identity = identity_of(tree)
    if fault is None:
        fields, fault = _fields(version, tree)
    if fault is not None:
        raise InvalidRecord(version.name, identity, fault.field, fault.rule)
    return version.name, fields


def _tree(value: bytes) -> tuple[dict[str, Any], Fault | None]:
    """The parsed object, or as much as can be read of it and what is wrong with it."""
    tree, fault = _parsed(value)
    if tree is None:
        raise Unreadable("undecodable", "the value is not JSON in UTF-8")
    return tree, fault


def _parsed(value: bytes) -> tuple[dict[str, Any] | None, Fault | None]:
    try:
        text = value.decode()
        try:
            return parse(text, _MAX_DEPTH), None
        except Fault as fault:
            return survey(text, _MAX_DEPTH), fault
    except ValueError:
        return None, None


def _version(tree: dict[str, Any], accepted: Mapping[str, Version]) -> Version:
    name = tree["type"] if "type" in tree else tree.get("event_type")
    version = accepted.get(name) if isinstance(name, str) else None
    if version is None or ("type" not in tree and not version.is_event):
        raise Unreadable("unknown_type", "the record names no type that belongs on this topic")
    return version


def _fields(version: Version, tree: dict[str, Any]) -> tuple[dict[str, Any], Fault | None]:
    if not version.is_event:
        del tree["type"]
    try:
        return version.shape.parse(tree), None
    except Fault as fault:
        return {}, fault
