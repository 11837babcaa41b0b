"""The words of events, sealed for consumers that hold the keys.

`content` and `title` become `sealed:v1:<cell in base64>`, `metadata` the object `{"sealed": "v1:<cell in base64>"}`;
cells are those of the tables (`chat.privacy.envelope`). The record's header `x-content-sealed` says that it is so, and
in which generation of its learner: what a user writes never does.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from chat.errors import CellDamaged

HEADER = "x-content-sealed"
MARK = "sealed:v1:"
_WORDS = ("title", "content", "metadata")

Fields = Mapping[str, Any]
Seal = Callable[[str, str, str, str], bytes]
Open = Callable[[bytes, str, str, str], str]


def holds_words(event: Fields) -> bool:
    """Whether an event says anything that is sealed."""
    return not event["data"].keys().isdisjoint(_WORDS)


def seal_event(event: Fields, seal: Seal) -> dict[str, Any]:
    """An event's fields with its words sealed."""
    return _with_words(event, lambda text, *place: _told(seal(text, *place), place[0]))


def open_event(event: Fields, opened: Open) -> dict[str, Any]:
    """An event's fields as they were before they were sealed. Raises `CellDamaged`."""
    return _with_words(event, lambda text, *place: opened(_cell(text, place[0]), *place))


def _with_words(event: Fields, change: Callable[..., str]) -> dict[str, Any]:
    data = event["data"]
    place = data["thread_id"], data.get("message_id", "")
    changed = {name: change(data[name], name, *place) for name in _WORDS if name in data}
    return {**event, "data": {**data, **changed}}


def _told(cell: bytes, field: str) -> str:
    text = MARK + base64.b64encode(cell).decode()
    return json.dumps({"sealed": text.removeprefix("sealed:")}, separators=(",", ":")) if field == "metadata" else text


def _cell(text: str, field: str) -> bytes:
    try:
        told = "sealed:" + json.loads(text)["sealed"] if field == "metadata" else text
        if not told.startswith(MARK):
            raise CellDamaged(f"{field} is sealed in a way that this program does not know")
        return base64.b64decode(told.removeprefix(MARK), validate=True)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise CellDamaged(f"{field} of a sealed event is no sealed cell") from error
