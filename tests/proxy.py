"""A TCP proxy: takes a server away from its clients, in one of several ways, and gives it back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial

CRUMBS = 32
"""Bytes that go one by one at the beginning of each piece: more than the header of any of our protocols."""

PIECE_BYTES = 65_536
Read = Callable[[], Awaitable[bytes]]


class Proxy:
    """Forwards a port of this machine to a server, while it is open.

    `delay`: seconds by which every piece of bytes is late. `crumbled`: its first `CRUMBS` bytes go one by one.
    What waits for `requests` or `answers`, those of the server, goes on when they are set again.
    """

    def __init__(self, host: str, port: int, listens_at: int, address: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self.port = listens_at
        self._address = address
        self.delay = 0.0
        self.crumbled = False
        self.requests, self.answers = asyncio.Event(), asyncio.Event()
        self.requests.set()
        self.answers.set()
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Lets clients through."""
        self._server = await asyncio.start_server(self._pass, self._address, self.port)

    async def close(self) -> None:
        """Breaks every connection and refuses new ones."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Resets every connection; new ones are let through."""
        for writer in self._ways:
            writer.transport.abort()
        self._ways.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._ways |= {writer, back}
        requests, answers = partial(reader.read, PIECE_BYTES), partial(self._answer, there)
        await asyncio.gather(self._pump(requests, back, self.requests), self._pump(answers, writer, self.answers))
        self._ways -= {writer, back}

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """What the server says next; nothing at its end."""
        return await reader.read(PIECE_BYTES)

    async def _pump(self, read: Read, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await read():
                if self.delay:
                    await asyncio.sleep(self.delay)
                await gate.wait()
                for piece in self._pieces(data):
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        crumbs = CRUMBS if self.crumbled else 0
        yield from (data[at : at + 1] for at in range(min(crumbs, len(data))))
        if data[crumbs:]:
            yield data[crumbs:]
