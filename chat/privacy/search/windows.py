"""A stream of bytes through windows that overlap, so that nothing is cut in two and little is held."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

BEFORE = 2_048
"""Bytes in front of a place that a window has, where the stream has them."""

AFTER = 4_096
"""Bytes behind it."""

SIZE = 1 << 20
"""Bytes that are gathered before they are looked at."""


class Window(NamedTuple):
    """`data` begins at `at` of its stream; what begins in `first <= place < end` is this window's to find."""

    at: int
    data: bytes
    first: int
    end: int


def windows(blocks: Iterable[bytes]) -> Iterator[Window]:
    """Every place of the stream is in exactly one window's range."""
    data, at, first = b"", 0, 0
    for block in blocks:
        data += block
        if len(data) < first + SIZE:
            continue
        end = len(data) - AFTER
        yield Window(at, data, first, end)
        kept = max(0, end - BEFORE)
        data, at, first = data[kept:], at + kept, end - kept
    if len(data) > first:
        yield Window(at, data, first, len(data))
