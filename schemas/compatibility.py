"""Whether a reader of one schema reads what a writer of another wrote.

After "Schema Resolution" of the Avro 1.12 specification, for the types that our schemas use; a changed logical type is
a conflict too, because the same number would mean something else.
"""

from collections.abc import Iterator
from typing import Any

_PROMOTIONS = frozenset({("int", "long")})


def conflicts(reader: Any, writer: Any, path: str = "") -> list[str]:
    """What keeps the reader from reading some of the writer's data, a line each; empty where it reads all of it."""
    return list(_conflicts(reader, writer, path))


def _conflicts(reader: Any, writer: Any, path: str) -> Iterator[str]:
    if isinstance(writer, list):
        for branch in writer:
            yield from _conflicts(reader, branch, path)
    elif isinstance(reader, list):
        if all(conflicts(branch, writer, path) for branch in reader):
            yield f"{path}: no type of the reader's union takes {_type(writer)}"
    elif _type(reader) != _type(writer):
        if (_type(writer), _type(reader)) not in _PROMOTIONS:
            yield f"{path}: {_type(writer)} became {_type(reader)}"
    elif isinstance(reader, dict) or isinstance(writer, dict):
        yield from _same_type(_full(reader), _full(writer), path)


def _same_type(reader: dict[str, Any], writer: dict[str, Any], path: str) -> Iterator[str]:
    for mark in ("name", "logicalType"):
        if reader.get(mark) != writer.get(mark):
            yield f"{path}: {mark} changed"
    if _type(reader) == "enum" and "default" not in reader:
        yield from (f"{path}: unknown word {word}" for word in writer["symbols"] if word not in reader["symbols"])
    if _type(reader) == "record":
        yield from _record(reader, writer, path)


def _record(reader: dict[str, Any], writer: dict[str, Any], path: str) -> Iterator[str]:
    written = {one["name"]: one["type"] for one in writer["fields"]}
    for one in reader["fields"]:
        place = f"{path}.{one['name']}"
        if one["name"] in written:
            yield from _conflicts(one["type"], written[one["name"]], place)
        elif "default" not in one:
            yield f"{place}: is not written and has no default"


def _type(schema: Any) -> str:
    name: str = schema["type"] if isinstance(schema, dict) else schema
    return name


def _full(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {"type": schema}
