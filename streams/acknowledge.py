"""Which offset may be committed: strictly in offset order, for each partition and generation.

Faust's own bookkeeping can commit past an unfinished record when acknowledgements come out of order
(faust-streaming/faust#606). Here a chunk counts only when every chunk before it is done.
"""

from collections import deque
from collections.abc import Iterable

from faust.types import TP

from streams.chunk import Chunk


class Outstanding:
    """The chunks of every owned partition that were handed on and are not committed yet."""

    def __init__(self) -> None:
        self._chunks: dict[TP, deque[Chunk]] = {}
        self._committable: dict[TP, int] = {}

    def begin(self, chunk: Chunk) -> None:
        """Notes a chunk that is handed on."""
        self._chunks.setdefault(chunk.tp, deque()).append(chunk)

    def holds(self, chunk: Chunk) -> bool:
        """False for a chunk of a generation that is over."""
        return chunk in self._chunks.get(chunk.tp, ())

    def finish(self, chunk: Chunk) -> bool:
        """Notes that every record of a chunk has its outcome; False for one of a generation that is over."""
        if not self.holds(chunk):
            return False
        chunk.done = True
        self._advance(chunk.tp)
        return True

    def _advance(self, tp: TP) -> None:
        waiting = self._chunks[tp]
        while waiting and waiting[0].done:
            self._committable[tp] = waiting.popleft().next_offset

    def committable(self) -> dict[TP, int]:
        """The offset to commit for each partition that has come further."""
        return dict(self._committable)

    def committed(self, tp: TP, offset: int) -> None:
        """Notes what the broker has; forgets it unless more has come in between."""
        if self._committable.get(tp) == offset:
            del self._committable[tp]

    def under_way(self, tp: TP) -> int:
        """Records of a partition that are under way."""
        return sum(len(chunk.records) for chunk in self._chunks.get(tp, ()))

    def bytes_under_way(self, tp: TP) -> int:
        """What they take in memory, about."""
        return sum(chunk.size for chunk in self._chunks.get(tp, ()))

    def first(self, tp: TP) -> int | None:
        """Offset of a partition's first record that was handed on and has no outcome, or None."""
        waiting = self._chunks.get(tp)
        return int(waiting[0].records[0].offset) if waiting else None

    def drop(self, tps: Iterable[TP]) -> None:
        """Forgets partitions that are no longer owned."""
        for tp in list(tps):
            self._chunks.pop(tp, None)
            self._committable.pop(tp, None)

    def partitions(self) -> set[TP]:
        """Partitions with chunks under way."""
        return {tp for tp, waiting in self._chunks.items() if waiting}

    def oldest(self) -> int | None:
        """Broker time (ms) of the oldest record without an outcome, or None."""
        firsts = [waiting[0].records[0].timestamp for waiting in self._chunks.values() if waiting]
        return min(firsts, default=None)
