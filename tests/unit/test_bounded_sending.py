"""An answer whose client takes nothing, over a real socket: nothing of it stays in the process."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api import bounded_sending
from api.bounded_head import BoundedHead
from api.bounded_sending import BoundedSending
from chat.errors import BundleGone, StorageUnavailable, TokenExpired
from tests.wait import until_async

PIECE = bytes(1_000_000)
REQUEST = b"GET / HTTP/1.1\r\nhost: api\r\n\r\n"


class Sender:
    """Serves one answer, of many pieces or until `fault`; knows its connections and whether the answer was closed."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.closed = False
        self.lost: list[BoundedHead] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await BoundedSending(self._pieces(), headers={"content-length": str(100 * len(PIECE))})(scope, receive, send)

    async def _pieces(self) -> AsyncGenerator[bytes]:
        try:
            for _ in range(100):
                yield PIECE
                if self.fault is not None:
                    raise self.fault
        finally:
            self.closed = True

    def protocol(self) -> BoundedHead:
        """One connection's."""
        sender = self

        class Watched(BoundedHead):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                sender.lost.append(self)

        config = uvicorn.Config(self.app, interface="asgi3", lifespan="off", log_config=None)
        config.load()
        return Watched(config=config, server_state=ServerState(), app_state={})


@pytest.fixture
async def sender() -> Sender:
    return Sender()


@pytest.fixture
async def client(sender: Sender) -> AsyncIterator[socket.socket]:
    """Has asked, and reads nothing by itself."""
    loop = asyncio.get_running_loop()
    served, connected = socket.socketpair()
    with connected:
        connected.setblocking(False)  # noqa: FBT003 - the socket's own call
        transport, _ = await loop.connect_accepted_socket(sender.protocol, served)
        await loop.sock_sendall(connected, REQUEST)
        yield connected
    transport.abort()


async def taken(client: socket.socket) -> int:
    """How many bytes still come before the connection's end."""
    loop, count = asyncio.get_running_loop(), 0
    try:
        while got := await loop.sock_recv(client, 1_000_000):
            count += len(got)
    except ConnectionResetError:
        pass
    return count


async def test_what_waits_to_be_sent_goes_with_a_client_that_takes_nothing(
    sender: Sender, client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is over though nobody took what waited in it: closing it would have kept that for ever."""
    monkeypatch.setattr(bounded_sending, "SEND_SECONDS", 0.1)
    await until_async(lambda: sender.lost, 5, "the connection's end")
    assert sender.closed
    transport: Any = sender.lost[0].transport
    assert transport.get_write_buffer_size() == 0
    assert await taken(client) < 100 * len(PIECE)


@pytest.mark.parametrize("fault", [BundleGone("erased"), TokenExpired("over"), StorageUnavailable("away")])
async def test_what_may_not_go_on_is_seen_to_be_incomplete(
    sender: Sender, client: socket.socket, fault: Exception
) -> None:
    """Fewer bytes than were told come to who reads, and then the connection's end."""
    sender.fault = fault
    assert await taken(client) <= len(PIECE) + 1_000
    await until_async(lambda: sender.lost, 5, "the connection's end")
    assert sender.closed
