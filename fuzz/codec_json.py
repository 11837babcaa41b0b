"""The codec's JSON form, beside Python's reader: what we accept says the same there, what is none to us is none."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from fuzz import codec
from fuzz.target import Reach
from schemas import PUBLISHED, CodecError, Format, Record, encode
from schemas.good_examples import good_examples

WATCHED: tuple[str, ...] = (
    "schemas.json_form",
    "schemas.json_text",
    "schemas.codec",
    "schemas.identity",
    "schemas.kinds",
    "schemas.timestamps",
)


def seeds() -> Iterable[bytes]:
    """Every good example beside the schemas, so each kind of record."""
    for name in PUBLISHED.newest:
        yield from map(orjson.dumps, good_examples(name).values())


def one_input(data: bytes) -> Reach:
    """A value as it comes from Kafka."""
    found, reach = codec.judge(data)
    if data.startswith(b"{"):
        _assert_python_agrees(data, found)
    return reach


def _assert_python_agrees(value: bytes, found: Record | CodecError) -> None:
    if isinstance(found, Record):
        written = json.loads(encode(found.type, found.fields, Format.JSON))
        assert _is_part(json.loads(value), written), "read otherwise"
    elif found.code == "undecodable":
        assert not _is_json(value), "refused although it is good JSON"


def _is_part(tree: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether all of `tree` stands in what we made of it, where defaults may stand too."""
    named = {**written, **written.get("data", {})}
    return all(named[name] == one for name, one in [*tree.items(), *tree.get("data", {}).items()] if name != "data")


def _is_json(value: bytes) -> bool:
    try:
        json.loads(value.decode())
    except (ValueError, RecursionError):
        return False
    return True
