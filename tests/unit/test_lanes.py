"""Which partitions share a lane."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.chunk import Chunk
from streams.lanes import LANES, Lanes
from streams.memory import Memory
from streams.records import Record

Taken = dict[str, Memory]


class Noting:
    """Notes whose memory a record met: a lane has one."""

    def __init__(self) -> None:
        self.taken: Taken = {}
        self.seen = asyncio.Event()

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:
        for record in records:
            self.taken[f"{record.topic}-{record.partition}"] = memory
        self.seen.set()


async def _taken(*partitions: TP) -> Taken:
    way = Noting()
    lanes = Lanes(way, lambda error: pytest.fail(repr(error)), lambda: None)
    for tp in partitions:
        record = SimpleNamespace(offset=0, key=b"tenant-1/ada", value=b"", topic=tp.topic, partition=tp.partition)
        way.seen.clear()
        lanes.put(Chunk(tp, [record], 0), lambda: None)
        await way.seen.wait()
    await lanes.stop()
    return way.taken


@pytest.mark.parametrize("owned", [(0, 2, 4, 6), (1, 3, 5, 7), (7, 6, 3, 2), tuple(range(8))])
async def test_lanes_are_shared_evenly(owned: tuple[int, ...]) -> None:
    """Whichever partitions a worker owns."""
    taken = await _taken(*(TP("chat.commands", one) for one in owned))
    shares = [list(taken.values()).count(memory) for memory in set(taken.values())]
    assert shares == [len(owned) // LANES] * LANES


async def test_the_partitions_of_a_number_have_one_lane() -> None:
    """A learner's commands and privacy commands meet the same memory."""
    taken = await _taken(TP("chat.privacy.commands", 3), TP("chat.commands", 4), TP("chat.commands", 3))
    assert taken["chat.commands-3"] is taken["chat.privacy.commands-3"]
    assert taken["chat.commands-3"] is not taken["chat.commands-4"]
