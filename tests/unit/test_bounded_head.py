"""How much a client may send before its request begins."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api import bounded_head
from api.bounded_head import MAX_HEAD_BYTES, BoundedHead
from tests.wait import until_async

seen: list[dict[str, Any]] = []
"""What the application was asked."""


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _name: str) -> None:
        return None

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


async def app(scope: Any, _receive: Any, send: Any) -> None:
    seen.append(scope)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def client() -> tuple[BoundedHead, Transport]:
    return connected()


def connected() -> tuple[BoundedHead, Transport]:
    config = uvicorn.Config(app, http=BoundedHead, lifespan="off", log_config=None)
    config.load()
    transport: Any = Transport()
    protocol = BoundedHead(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(transport)
    return protocol, transport


async def answered(transport: Transport) -> bytes:
    for _ in range(20):
        await asyncio.sleep(0)
    return transport.written.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "endless", [b"x: y\r\n" * 100, b"x" * 600], ids=["header after header", "one header without an end"]
)
async def test_a_head_without_an_end_is_refused(client: tuple[BoundedHead, Transport], endless: bytes) -> None:
    protocol, transport = client
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: api\r\nz: ")
    sent = 0
    while not transport.closed:
        protocol.data_received(endless)
        sent += len(endless)
        assert sent <= MAX_HEAD_BYTES + 2 * len(endless)
    assert (await answered(transport)).split()[1] == b"431"


async def test_an_address_without_an_end_is_refused(client: tuple[BoundedHead, Transport]) -> None:
    protocol, transport = client
    protocol.data_received(b"GET /")
    while not transport.closed:
        protocol.data_received(b"a" * 1_000)
    assert (await answered(transport)).split()[1] == b"431"


CHUNKED = b"GET / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("endless", [b"x: y\r\n" * 100, b"x" * 600], ids=["one after the other", "one without an end"])
async def test_trailers_without_an_end_are_refused(client: tuple[BoundedHead, Transport], endless: bytes) -> None:
    protocol, transport = client
    protocol.data_received(CHUNKED + b"0\r\nz: ")
    assert (await answered(transport)).split()[1] == b"204"
    sent = 0
    while not transport.closed:
        protocol.data_received(endless)
        sent += len(endless)
        assert sent <= MAX_HEAD_BYTES + 2 * len(endless)


async def test_a_trailer_is_no_header(client: tuple[BoundedHead, Transport]) -> None:
    """Else the address that a proxy adds would be the client's to say."""
    protocol, transport = client
    protocol.data_received(CHUNKED + b"0\r\nx-forwarded-for: 1.2.3.4\r\n\r\n")
    assert (await answered(transport)).split()[1] == b"204"
    assert [name for name, _ in seen[-1]["headers"]] == [b"host", b"transfer-encoding"]


async def test_a_body_may_be_longer(client: tuple[BoundedHead, Transport]) -> None:
    protocol, transport = client
    protocol.data_received(CHUNKED)
    assert (await answered(transport)).split()[1] == b"204"
    for _ in range(200):
        protocol.data_received(b"3e8\r\n" + b"a" * 1_000 + b"\r\n")
    assert not transport.closed


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: a"], ids=["nothing", "half a head"])
async def test_who_does_not_come_to_the_point_is_left(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(bounded_head, "HEAD_SECONDS", 0.01)
    protocol, transport = connected()
    if begun:
        protocol.data_received(begun)
    await until_async(lambda: transport.closed, 5)


async def test_who_has_asked_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is a head's, not an answer's."""
    monkeypatch.setattr(bounded_head, "HEAD_SECONDS", 0.01)
    protocol, transport = connected()
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: api\r\n\r\n")
    later = asyncio.get_running_loop().time() + 0.05
    await until_async(lambda: asyncio.get_running_loop().time() > later, 5)
    assert not transport.closed


async def test_many_requests_on_a_connection_are_no_large_one(client: tuple[BoundedHead, Transport]) -> None:
    """Each has a bound of its own, and a head may come in any number of parts."""
    protocol, transport = client
    request = b"GET / HTTP/1.1\r\nhost: api\r\nauthorization: Bearer " + b"t" * 1_000 + b"\r\n\r\n"
    for _ in range(200):
        for at in range(0, len(request), 100):
            protocol.data_received(request[at : at + 100])
        assert (await answered(transport)).split()[1] == b"204"
        transport.written = b""
    assert not transport.closed
