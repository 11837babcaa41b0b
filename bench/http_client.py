"""An HTTP client that costs as little as may be: requests made beforehand, sockets by libuv, answers parsed in C."""

import asyncio
import http.client
import itertools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import httptools
import uvloop

from chat.settings import Settings

HOST = "127.0.0.1"


class Request(NamedTuple):
    """What is sent: the request line and headers without the empty line that ends them, and the body."""

    head: bytes
    body: bytes = b""


class Answer(NamedTuple):
    """When a request was sent and its answer there, in seconds since 1970."""

    status: int
    body: bytes
    sent: float
    arrived: float


def request(method: str, path: str, bearer: str, body: bytes = b"") -> Request:
    """A request with JSON, or with none."""
    head = f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: {bearer}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return Request(head.encode(), body)


def ask(port: int, requests: Sequence[Request], at_once: int, rate: float | None = None) -> list[Answer]:
    """Asks `at_once` side by side, or so many a second; each request brings its time as `x-sent`, in µs.

    Raises `OSError` where nobody listens or a connection ends.
    """
    return uvloop.run(_ask(port, requests, at_once, rate))


def serves(settings: Settings) -> bool:
    """Whether health is answered with 200 now."""
    connection = http.client.HTTPConnection(HOST, settings.api_port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


async def _ask(port: int, requests: Sequence[Request], at_once: int, rate: float | None) -> list[Answer]:
    numbers, began = itertools.count(), time.time()

    async def one_after_the_other() -> list[Answer]:
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, port)
        answers = []
        while (number := next(numbers)) < len(requests):
            due = began + number / rate if rate else time.time()
            await asyncio.sleep(max(0, due - time.time()))
            answers.append(await connection.ask(requests[number], due))
        connection.close()
        return answers

    return [one for many in await asyncio.gather(*(one_after_the_other() for _ in range(at_once))) for one in many]


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._answered: asyncio.Future[None] | None = None

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("the server closed the connection"))

    async def ask(self, asked: Request, sent: float) -> Answer:
        self._answered = asyncio.get_running_loop().create_future()
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        self._transport.write(b"%bx-sent: %d\r\n\r\n%b" % (asked.head, sent * 1e6, asked.body))
        await self._answered
        return Answer(self._parser.get_status_code(), self._body, sent, time.time())

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._answered is not None:
            self._answered.set_result(None)
