"""A TCP proxy, to take a server away from one client and give it back."""

import asyncio
from contextlib import suppress


class Proxy:
    """Forwards `port` on this machine to a server, while it is open."""

    def __init__(self, host: str, port: int, listens_at: int) -> None:
        self._target = (host, port)
        self.port = listens_at
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Lets clients through."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Breaks every connection and refuses new ones."""
        if self._server is not None:
            self._server.close()
        for writer in self._ways:
            writer.transport.abort()
        self._ways.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._ways |= {writer, back}
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
