"""`python -m bench.far LISTENS_AT PORT SECONDS`: a server that is far away: all that goes to it and comes back is late.

What is under way is not held up by what went before it: it is the way that is long, not the pipe that is narrow.
"""

import argparse
import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench.contender import program
from chat.servers.free_port import LOCALHOST, free_port
from chat.servers.process import ServerProcess

OPTIONS = struct.pack("!BBhBI", 4, 0, 0, 5, 0)
"""A request of CQL's protocol that a node answers without looking anything up."""

ASKED = 9


@contextmanager
def far(port: int, seconds: float, logs: Path) -> Iterator[tuple[ServerProcess, int]]:
    """A process through which the node at `port` is so many seconds away, either way; and the port that leads there."""
    listens_at = free_port()
    arguments = (str(listens_at), str(port), str(seconds))
    with program("bench.far", lambda: _listens(listens_at), logs, *arguments) as process:
        yield process, listens_at


def round_trip(port: int) -> float:
    """How long a node takes to answer the least that it can be asked, in ms; the median of `ASKED`."""
    with socket.create_connection((LOCALHOST, port)) as way:
        way.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return median(_asked(way) for _ in range(ASKED)) * 1000


def _asked(way: socket.socket) -> float:
    began = time.perf_counter()
    way.sendall(OPTIONS)
    way.recv(65_536)
    return time.perf_counter() - began


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOCALHOST, port)) == 0


class _End(asyncio.Protocol):
    """One end of a way: what arrives here leaves at the `other` end, so many seconds later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late: deque[tuple[float, bytes]] = deque()
        self.transport: Any = None
        self.other: _End | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._late.append((now + self._seconds, data))
        if len(self._late) == 1:
            self._loop.call_at(now + self._seconds, self._let_go)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _let_go(self) -> None:
        """One timer for all that waits: timers for the same moment may come in any order."""
        while self._late and self._late[0][0] <= self._loop.time():
            _, data = self._late.popleft()
            if self.other is not None and not self.other.transport.is_closing():
                self.other.transport.write(data)
        if self._late:
            self._loop.call_at(self._late[0][0], self._let_go)


class _Door(_End):
    """The end of whoever comes in: the way on is made first."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(seconds)
        self._port = port

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.pause_reading()
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        there = _End(self._seconds)
        there.other = self
        await self._loop.create_connection(lambda: there, LOCALHOST, self._port)
        self.other = there
        self.transport.resume_reading()


async def serve(listens_at: int, port: int, seconds: float) -> asyncio.Server:
    """Takes connections to `listens_at` from now on, until it is closed."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Door(port, seconds), LOCALHOST, listens_at)


async def _serve_on(listens_at: int, port: int, seconds: float) -> None:
    server = await serve(listens_at, port, seconds)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.far", description=__doc__)
    parser.add_argument("listens_at", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    uvloop.run(_serve_on(**vars(parser.parse_args())))
