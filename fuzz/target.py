"""What a target is: one input, judged by an oracle that raises where the code under test did wrong."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol


class Reach(IntEnum):
    """How far an input came."""

    TURNED_AWAY = 0
    PARSED = 1
    """It passed the first parser, and was refused behind it."""

    ACCEPTED = 2


class Target(Protocol):
    """A module of this folder."""

    __name__: str
    WATCHED: tuple[str, ...]
    """Modules whose edges count as coverage, and lead libFuzzer on."""

    def seeds(self) -> Iterable[bytes]:
        """Good inputs to begin with, all of them accepted."""
        ...

    def one_input(self, data: bytes) -> Reach:
        """Raises AssertionError for a wrong answer; anything else that it raises is a find too."""
        ...
