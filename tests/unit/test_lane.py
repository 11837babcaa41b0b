"""A lane's chunks, one trip after the other."""

import asyncio
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

from faust.types import TP

from streams.chunk import Chunk
from streams.lane import TRIP, TRIP_BYTES, Lane
from streams.memory import Memory
from streams.records import Record

PARTITION = TP("chat.commands", 0)


class SlowWay:
    """Notes the offsets of what goes through it, and holds it until it is let go."""

    def __init__(self) -> None:
        self.gone: list[list[int]] = []
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def go(self, _: Memory, records: Sequence[Record]) -> None:
        self.gone.append([record.offset for record in records])
        self.entered.set()
        await self.open.wait()


class Ends:
    """Stands for the worker, which a failed lane ends."""

    def __init__(self) -> None:
        self.error: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def __call__(self, error: BaseException) -> None:
        self.error.set_result(error)


def _chunk(first: int, count: int, value: bytes = b"") -> Chunk:
    return Chunk(
        PARTITION,
        [SimpleNamespace(offset=first + number, key=b"tenant-1/learner-1", value=value) for number in range(count)],
        count * len(value),
    )


async def _sent(way: SlowWay, sizes: list[int], value: bytes = b"") -> list[int]:
    """The order in which chunks are acknowledged, all but the first put while that is at work."""
    acknowledged: list[int] = []
    last = asyncio.Event()

    def acknowledge(number: int) -> None:
        acknowledged.append(number)
        if number == len(sizes) - 1:
            last.set()

    lane = Lane(way, Memory(10), Ends())
    for number, size in enumerate(sizes):
        lane.put(_chunk(sum(sizes[:number]), size, value), partial(acknowledge, number))
        await way.entered.wait()
    assert acknowledged == []
    way.open.set()
    await asyncio.wait_for(last.wait(), 5)
    await lane.stop()
    return acknowledged


async def test_what_comes_while_a_lane_is_at_work_goes_as_one() -> None:
    """Three small chunks that waited make one trip, in the log's order, and each is acknowledged in its turn."""
    way = SlowWay()
    assert await _sent(way, [2, 1, 3, 1]) == [0, 1, 2, 3]
    assert way.gone == [[0, 1], [2, 3, 4, 5, 6]]


async def test_a_trip_is_bounded() -> None:
    """A lane takes no further chunk once it has a whole trip's records."""
    way = SlowWay()
    await _sent(way, [1, TRIP, 1, TRIP])
    assert [len(offsets) for offsets in way.gone] == [1, TRIP, 1 + TRIP]


async def test_a_trip_of_large_records_is_bounded() -> None:
    """A lane takes no further chunk once the values weigh what a trip may."""
    way = SlowWay()
    assert await _sent(way, [1, 3, 1, 2, 5], b"x" * (TRIP_BYTES // 4)) == [0, 1, 2, 3, 4]
    assert [len(offsets) for offsets in way.gone] == [1, 4, 7]


async def test_nothing_is_acknowledged_after_an_error() -> None:
    """An error that nobody expected ends the lane before the acknowledgement, and the worker hears of it."""
    way, ends, acknowledged = SlowWay(), Ends(), []
    lane = Lane(way, Memory(10), ends)
    way.go = None  # type: ignore[assignment, method-assign]
    lane.put(_chunk(0, 1), lambda: acknowledged.append(0))
    assert isinstance(await asyncio.wait_for(ends.error, 5), TypeError)
    await lane.stop()
    assert acknowledged == []
