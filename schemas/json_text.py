"""JSON text, read strictly: no name twice in an object, no NaN, no lone surrogate, no bottomless nesting.

A number keeps the letters it was written with, so that none changes its value on the way through. One that no double
holds is refused: many readers of JSON (orjson, Go's, Rust's) would take no page of a thread that holds it.
"""

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

import orjson

from schemas.errors import Fault

MAX_DEPTH = 128
"""Containers inside one another, in metadata. Far above any use, and far below what the parsers' stacks hold."""

MAX_NUMBER = 4_300
"""Characters of a number: Python's own limit for turning one into an int, so whoever reads it later can."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, whole or cut off. Possessive, so that hostile text is read once and no oftener."""

_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_STRING_OR_BRACKET = re.compile(_STRING.pattern + r"|[\[\]{}]", re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def parse(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """What `text` says, numbers as Number. Raises Fault for a broken rule of the above, ValueError for no JSON."""
    if _is_deep(text, max_depth):
        raise Fault("nests too deep")
    tree = _STRICT.decode(text)
    if _ESCAPED_SURROGATE.search(text):
        dump(tree)
    return tree


def survey(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """What can be read of a `text` that `parse` found fault with: the last of equal names, null for what is too deep.

    Raises ValueError where it is no JSON.
    """
    return _LENIENT.decode(_shallow(text, max_depth) if _is_deep(text, max_depth) else text)


def dump(tree: Any) -> str:
    """Compact text of what `parse` gave, non-ASCII letters as themselves.

    Raises Fault for a lone surrogate, and for a number that no double holds.
    """
    try:
        return orjson.dumps(tree, default=_literal, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except orjson.JSONEncodeError as error:
        raise error.__cause__ if isinstance(error.__cause__, Fault) else Fault("has a lone surrogate") from None


def compact(text: Any) -> str:
    """The compact text of a JSON object, so that one object has one text. Raises Fault where it is no such text."""
    if text == "{}":
        return "{}"
    if not isinstance(text, str):
        raise Fault("must be a string")
    try:
        tree = parse(text)
    except ValueError:
        raise Fault("is not a JSON object") from None
    return compact_object(tree)


def compact_object(tree: Any) -> str:
    """The compact text of a parsed JSON object. Raises Fault for anything else, and for one that is too deep."""
    if type(tree) is not dict:
        raise Fault("is not a JSON object")
    text = dump(tree)
    if _is_deep(text, MAX_DEPTH):
        raise Fault("nests too deep")
    return text


def _is_deep(text: str, max_depth: int) -> bool:
    """Whether containers nest deeper than `max_depth`; asked before a parser that would use its stack for each."""
    if text.count("[") + text.count("{") <= max_depth:
        return False
    brackets = _NO_BRACKETS.sub("", _STRING.sub("", text))
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > max_depth


def _shallow(text: str, max_depth: int) -> str:
    """`text` with null for every container below `max_depth`."""
    parts: list[str] = []
    kept_to = depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == max_depth + 1:
                parts += text[kept_to : token.start()], "null"
        elif token[0] in "]}":
            depth -= 1
            if depth == max_depth:
                kept_to = token.end()
    return "".join(parts) + (text[kept_to:] if depth <= max_depth else "")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Fault("has a name twice")
    return found


def _number(literal: str) -> Number:
    if len(literal) > MAX_NUMBER:
        raise Fault("has a number that is too long")
    return Number(literal)


def _constant(_: str) -> NoReturn:
    raise Fault("has NaN or Infinity for a number")


def _literal(number: Number) -> orjson.Fragment:
    if math.isinf(float(number)):
        raise Fault("has a number beyond a double's range")
    return orjson.Fragment(str(number))


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_number, parse_float=_number, parse_constant=_constant)
_LENIENT = json.JSONDecoder(parse_int=Number, parse_float=Number)
