"""JSON that cannot be read in two ways: UTF-8, each name of an object once, no NaN."""

import json
from typing import Any, NoReturn


def read_strictly(raw: bytes) -> Any:
    """What `raw` says, integers whole however long. Raises `ValueError`, whose text may show a piece of it."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nests too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("has a name twice")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("has NaN or Infinity for a number")
