"""How many inputs came how far, counted where it outlives the process that counts: libFuzzer ends it without a word."""

import mmap
import struct
from pathlib import Path

from fuzz.target import Reach

_COUNTS = struct.Struct(f"={len(Reach)}Q")


class Tally:
    """A file of one number for each Reach, mapped into memory."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_COUNTS.size))
        with path.open("r+b") as file:
            self._counts = memoryview(mmap.mmap(file.fileno(), _COUNTS.size)).cast("Q")

    def count(self, reach: Reach) -> None:
        self._counts[reach] += 1


def read(path: Path) -> dict[Reach, int]:
    """What was counted there."""
    return dict(zip(Reach, _COUNTS.unpack(path.read_bytes()), strict=True))
