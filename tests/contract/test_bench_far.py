"""The benchmark's long way: late by what it says, in order, and never held up by what went before."""

import asyncio
import time

from bench.far import serve
from chat.servers.free_port import LOCALHOST, free_port

AWAY = 0.05
PIECES = 40
APART = AWAY / 10


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1):
        writer.write(piece)
    writer.close()


async def _there_and_back() -> tuple[bytes, list[float]]:
    """What came back of one byte after the other, and how long each had been away."""
    port, listens_at, sent = free_port(), free_port(), list[float]()
    async with await asyncio.start_server(_echo, LOCALHOST, port), await serve(listens_at, port, AWAY):
        reader, writer = await asyncio.open_connection(LOCALHOST, listens_at)
        coming = asyncio.create_task(_arriving(reader))
        for number in range(PIECES):
            sent.append(time.monotonic())
            writer.write(bytes([number]))
            await asyncio.sleep(APART)
        pieces, arrived = await coming
        writer.close()
        await writer.wait_closed()
    return pieces, [at - before for at, before in zip(arrived, sent, strict=True)]


async def _arriving(reader: asyncio.StreamReader) -> tuple[bytes, list[float]]:
    pieces, arrived = b"", list[float]()
    for _ in range(PIECES):
        pieces += await reader.readexactly(1)
        arrived.append(time.monotonic())
    return pieces, arrived


def test_every_piece_is_late_and_none_waits_for_another() -> None:
    """One that waited for all before it would come after `PIECES` times the way."""
    pieces, away = asyncio.run(_there_and_back())
    assert pieces == bytes(range(PIECES))
    assert min(away) >= 2 * AWAY - 0.002  # timers are allowed their milliseconds
    assert sorted(away)[PIECES // 2] < PIECES / 4 * AWAY
