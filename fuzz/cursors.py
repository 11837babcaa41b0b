"""Cursors: a listing opens what it gave, letter by letter, and any other text is one complaint.

An input is four lines: a listing and a place in it, of which a cursor is given, and a listing that is asked and a body.
The tag of the cursor that was given goes before that body, so that it meets a listing or place that differs a little.
An input of another number of lines is a cursor itself, as somebody shows it.
"""

import base64
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import orjson

from api.cursor import MAX_CHARACTERS, TAG_BYTES, Cursors
from chat.errors import BadInput
from fuzz.target import Reach

WATCHED: tuple[str, ...] = ("api.cursor",)

T = TypeVar("T")
LISTING = ("threads", "tenant-1", "ada")
PLACES: list[list[Any]] = [[1_768_473_000_000, "0199c0de-0000-7000-8000-000000000001"], [17, False, 0], []]


async def _secret() -> bytes:
    return b"a secret of the fuzzer"


_CURSORS = Cursors(_secret)


def seeds() -> Iterable[bytes]:
    """Cursors that were given, and the parts of some."""
    yield from (one.encode() for one in _GIVEN)
    listing = "/".join(LISTING)
    yield from (f"{listing}\n{place}\n{listing}\n".encode() + _body(place) for place in ("1/0199c0de", "x", ""))


def one_input(data: bytes) -> Reach:
    """A cursor that somebody shows."""
    lines = data.split(b"\n")
    return _spliced(*lines) if len(lines) == 4 else _shown(data.decode("latin-1"))  # noqa: PLR2004 - as said above


def _shown(cursor: str) -> Reach:
    place = _opened(LISTING, cursor)
    assert place == _GIVEN.get(cursor), "a cursor that was not given"
    return Reach.ACCEPTED if place is not None else Reach.PARSED if _is_base64(cursor) else Reach.TURNED_AWAY


def _spliced(given_by: bytes, place: bytes, asked: bytes, body: bytes) -> Reach:
    ours, theirs = _listing(given_by), _listing(asked)
    tag = _raw(_now(_CURSORS.seal(ours, _place(place))))[:TAG_BYTES]
    cursor = _text(tag + body)
    found = _opened(theirs, cursor)
    is_given = (theirs, body) == (ours, _body(place.decode("latin-1"))) and len(cursor) <= MAX_CHARACTERS
    assert found == (_place(place) if is_given else None), "a cursor of another listing or place"
    return Reach.PARSED if found is None else Reach.ACCEPTED


def _opened(listing: tuple[str, ...], cursor: str) -> list[Any] | None:
    try:
        return _now(_CURSORS.open(listing, cursor))
    except BadInput:
        return None


def _now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing: an event loop would take most of the time."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waits")


def _listing(line: bytes) -> tuple[str, ...]:
    return tuple(line.decode("latin-1").split("/"))


def _place(line: bytes) -> list[str]:
    return line.decode("latin-1").split("/")


def _body(place: str) -> bytes:
    return orjson.dumps(place.split("/"))


def _is_base64(cursor: str) -> bool:
    try:
        return len(cursor) <= MAX_CHARACTERS and _text(_raw(cursor)) == cursor
    except ValueError:
        return False


def _raw(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_GIVEN = {_now(_CURSORS.seal(LISTING, place)): place for place in PLACES}
