"""Names and planted texts as bytes, wherever they may stand."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chat.domain.model import Learner
from chat.privacy.search.windows import Window

_ID = rb"A-Za-z0-9._~@:\-"
_MANY_BITS = 7
NEAR = 2_048
"""Bytes within which a table's row has its tenant before its learner."""


class Hit(NamedTuple):
    """Something at `place` of a window. `text` is the number of a planted text, from 1; None for the learner's name."""

    place: int
    text: int | None = None


class Needles:
    """A learner's name, and texts that were planted."""

    def __init__(self, learner: Learner, texts: Sequence[str] = ()) -> None:
        self._texts = [re.compile(b"|".join(map(re.escape, _forms(text)))) for text in texts]
        self._tenant, self._learner = name(learner.tenant_id), name(learner.learner_id)
        self._literal = learner.learner_id.encode()

    def texts(self, window: Window) -> Iterator[Hit]:
        """Planted texts."""
        for number, pattern in enumerate(self._texts, 1):
            yield from (Hit(place, number) for place in _places(pattern, window))

    def names(self, window: Window, *, by_tenant: bool) -> Iterator[Hit]:
        """Where the learner is named. `by_tenant`: whether its id counts only where its tenant stands before it."""
        if self._literal not in window.data:
            return
        for place in _places(self._learner, window):
            if not by_tenant or self._named(window.data, place):
                yield Hit(place)

    def _named(self, data: bytes, place: int) -> bool:
        return self._tenant.search(data, max(0, place - NEAR), place) is not None


def name(text: str) -> re.Pattern[bytes]:
    """A name in text, where no letter of another name touches it, or behind its own length, as binary forms have it.

    Avro writes a length in zigzag, Cassandra as two bytes or as a vint: the byte before the name is told by each.
    """
    content = text.encode()
    lengths = re.escape(bytes({len(content) & 0xFF, _last_of_zigzag(len(content))}))
    escaped = re.escape(content)
    return re.compile(b"(?<=[%b])%b|(?<![%b])%b(?![%b])" % (lengths, escaped, _ID, escaped, _ID))


def _last_of_zigzag(length: int) -> int:
    coded = length * 2
    while coded >> _MANY_BITS:
        coded >>= _MANY_BITS
    return coded


def _forms(text: str) -> set[bytes]:
    """As it is, and as JSON may have it."""
    return {form.encode() for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])}


def _places(pattern: re.Pattern[bytes], window: Window) -> Iterator[int]:
    for found in pattern.finditer(window.data, window.first):
        if found.start() >= window.end:
            return
        yield found.start()
