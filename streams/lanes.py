"""All lanes of a worker."""

import asyncio
from collections.abc import Callable

from streams.chunk import Chunk
from streams.lane import Acknowledge, Lane
from streams.memory import MEMORY_BYTES, Memory
from streams.recent import RECENT_BYTES
from streams.way import Way

LANES = 2
"""While one lane waits for a server the other computes; each further one makes the trips smaller, not the wait."""


class Lanes:
    """The owned partitions' lanes, each begun with its first chunk; its memory goes with it.

    Partitions get them in turn as they first bring something: by their numbers, one of two workers would own all the
    even ones, and use half of its lanes. A partition's number is what counts, for a learner's records are on the
    partition of that number in each topic.

    `way` says how records go; `fail` is told of an error that nobody expected; `forget` lets go of what the process
    knows of learners' lives.
    """

    def __init__(self, way: Way, fail: Callable[[BaseException], None], forget: Callable[[], None]) -> None:
        self._way = way
        self._fail = fail
        self._forget = forget
        self._lanes: dict[int, Lane] = {}
        self._numbers: dict[int, int] = {}

    def begin(self) -> None:
        """For a worker that has just been given partitions: their last owner may have passed the fences of erasures."""
        self._forget()

    def put(self, chunk: Chunk, acknowledge: Acknowledge) -> None:
        """Hands a chunk to its partition's lane."""
        self._lane(chunk).put(chunk, acknowledge)

    def _lane(self, chunk: Chunk) -> Lane:
        return self._numbered(self._numbers.setdefault(chunk.tp.partition, len(self._numbers) % LANES))

    def _numbered(self, number: int) -> Lane:
        if number not in self._lanes:
            self._lanes[number] = Lane(self._way, Memory(MEMORY_BYTES // LANES, RECENT_BYTES // LANES), self._fail)
        return self._lanes[number]

    async def stop(self) -> None:
        """Ends all lanes and forgets what they knew."""
        ending = list(self._lanes.values())
        self._lanes.clear()
        self._numbers.clear()
        await asyncio.gather(*(lane.stop() for lane in ending))
