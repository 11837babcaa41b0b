"""What a lane does with records: the shape of all ways."""

from collections.abc import Sequence
from typing import Protocol

from streams.memory import Memory
from streams.records import Record


class Way(Protocol):
    """How records come to their outcomes."""

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:
        """Returns when every record has its outcome, durably; those of one partition are in the log's order."""
        ...
