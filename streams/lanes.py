"""All lanes of a worker."""

import asyncio
from collections.abc import Callable, Iterable

from faust.types import TP

from streams.chunk import Chunk
from streams.lane import Acknowledge, Lane, Way
from streams.memory import MAX_ENTRIES, Memory


class Lanes:
    """A lane for each owned partition, begun with its first chunk; its memory goes with it.

    `way` says how a topic's chunks go; `fail` is told of an error that nobody expected.
    """

    def __init__(self, way: Way, partitions: int, fail: Callable[[BaseException], None]) -> None:
        self._way = way
        self._share = MAX_ENTRIES // partitions
        self._fail = fail
        self._lanes: dict[TP, Lane] = {}

    def put(self, chunk: Chunk, acknowledge: Acknowledge) -> None:
        """Hands a chunk to its partition's lane."""
        self._lane(chunk).put(chunk, acknowledge)

    def _lane(self, chunk: Chunk) -> Lane:
        if chunk.tp not in self._lanes:
            self._lanes[chunk.tp] = Lane(self._way, Memory(self._share), self._fail)
        return self._lanes[chunk.tp]

    async def stop(self, tps: Iterable[TP] | None = None) -> None:
        """Ends the lanes of partitions that move on, or all of them."""
        ending = [self._lanes.pop(tp) for tp in list(self._lanes if tps is None else tps) if tp in self._lanes]
        await asyncio.gather(*(lane.stop() for lane in ending))
