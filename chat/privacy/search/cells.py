"""Cells in partitions of one learner, in whatever Cassandra wrote: data files, the commit log, hints.

A partition begins with its key, which names the learner; from there to the next one's key, what looks like a cell
behind its own length is one. A cell that was torn from its row does not tell its place any more, and without that its
tag cannot be checked: so it is decrypted alone, and text is what shows that the key was right.

What is sealed is random, and in a megabyte of random bytes ten places look like a plain cell of a few characters. So
what lies where a sealed cell seems to lie has to be a longer text to be taken for a plain one.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from chat.domain.model import Learner
from chat.domain.validate import MAX_CONTENT_BYTES
from chat.privacy.envelope import NONCE_BYTES
from chat.privacy.search.surviving_keys import SurvivingKey
from chat.privacy.search.windows import Window

SHORTEST = 4
"""Characters of a plain cell. One that is shorter could be anything."""

SHORTEST_WITHIN = 24
"""Characters of one that lies within what looks like a sealed cell."""

SHORTEST_SEALED = 8
"""Characters of a sealed cell, since only text tells that a key fits."""

_LOOKED_AT = 256
_HEAD, _TAG = 2, 16
_LONGEST = _HEAD + NONCE_BYTES + MAX_CONTENT_BYTES + _TAG
_FIRST_BLOCK = b"\0\0\0\2"
_ID = rb"[A-Za-z0-9._~@:\-]{1,128}"
_PARTITION = re.compile(rb"\x00([\x01-\x80])(%b)\x00\x00([\x01-\x80])(%b)\x00\x00\x04" % (_ID, _ID))
_CELL = re.compile(rb"\x00[^\x00-\x08\x0b-\x1f\x7f]{%d}|\x01[\x01-\x10]" % SHORTEST)
_TWO_BYTES, _THREE_BYTES, _FOUR_BYTES = 0x80, 0xC0, 0xE0


class Cell(NamedTuple):
    """A readable cell at `place` of its stream; `sealed`: whether a surviving key opened it."""

    place: int
    sealed: bool


class CellSearch:
    """Goes along one stream, window by window, for one learner's cells that anybody, or a surviving key, can read."""

    def __init__(self, learner: Learner, keys: Sequence[SurvivingKey]) -> None:
        self._learner = (learner.tenant_id.encode(), learner.learner_id.encode())
        self._keys = keys
        self._inside = False
        self._sealed_to = 0

    def look(self, window: Window) -> Iterator[Cell]:
        """The readable cells that begin in the window."""
        for start, end in self._partitions(window):
            for found in _CELL.finditer(window.data, start):
                if found.start() >= end:
                    break
                place = window.at + found.start()
                if (cell := self._readable(window.data, found.start(), place)) is not None:
                    yield Cell(place, cell)

    def _partitions(self, window: Window) -> Iterator[tuple[int, int]]:
        """The ranges that belong to the learner."""
        if not self._inside and self._learner[1] not in window.data:
            return
        start = window.first
        for found in _PARTITION.finditer(window.data, window.first):
            if found.start() >= window.end:
                break
            if self._inside:
                yield start, found.start()
            start, self._inside, self._sealed_to = found.end(), self._is_mine(found), 0
        if self._inside:
            yield start, window.end

    def _is_mine(self, found: re.Match[bytes]) -> bool:
        lengths = (found[1][0], found[3][0]) == (len(found[2]), len(found[4]))
        return lengths and (found[2], found[4]) == self._learner

    def _readable(self, data: bytes, start: int, place: int) -> bool | None:
        """Whether what begins at `start`, which is `place` in its stream, is a readable cell, and a sealed one."""
        if data[start] == 0:
            shortest = SHORTEST_WITHIN if place < self._sealed_to else SHORTEST
            plain = (data[start + 1 : start + min(one, _LOOKED_AT)] for one in _lengths(data, start))
            return False if any(len(one) >= shortest and _is_text(one) for one in plain) else None
        lengths = [one for one in _lengths(data, start) if one >= _HEAD + NONCE_BYTES + _TAG]
        if place >= self._sealed_to:
            self._sealed_to = place + max((one for one in lengths if one <= _LONGEST), default=0)
        return True if any(self._opens(data[start : start + min(one, _LOOKED_AT)], one) for one in lengths) else None

    def _opens(self, cell: bytes, length: int) -> bool:
        if min(len(cell), length - _TAG) < _HEAD + NONCE_BYTES + SHORTEST_SEALED:  # too short, or the stream ends in it
            return False
        nonce, sealed = cell[_HEAD : _HEAD + NONCE_BYTES], cell[_HEAD + NONCE_BYTES : length - _TAG]
        return any(one.version == cell[1] and _is_text(_decrypted(one.key, nonce, sealed)) for one in self._keys)


def _decrypted(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(nonce + _FIRST_BLOCK)).decryptor().update(sealed)


def _lengths(data: bytes, place: int) -> Iterator[int]:
    """What stands before a place, read as a vint of one, two and three bytes."""
    if place >= 1 and data[place - 1] < _TWO_BYTES:
        yield data[place - 1]
    if place >= 2 and _TWO_BYTES <= data[place - 2] < _THREE_BYTES:  # noqa: PLR2004 - bytes of the vint
        yield (data[place - 2] & 0x3F) << 8 | data[place - 1]
    if place >= 3 and _THREE_BYTES <= data[place - 3] < _FOUR_BYTES:  # noqa: PLR2004 - as above
        yield (data[place - 3] & 0x1F) << 16 | data[place - 2] << 8 | data[place - 1]


def _is_text(content: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    for cut in range(4):
        try:
            text = content[: len(content) - cut].decode()
        except UnicodeDecodeError:
            continue
        return bool(text) and not any(char < " " and char not in "\t\n\r" for char in text)
    return False
