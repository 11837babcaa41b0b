"""An HTTP client that costs as little as may be: requests made beforehand, sockets by libuv, answers parsed in C."""

import asyncio
import http.client
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import httptools
import uvloop

from chat.settings import Settings

HOST = "127.0.0.1"


class Request(NamedTuple):
    """What is sent: the request line and headers without the empty line that ends them, and the body.

    Requests of one `lane` are sent in order, each when the one before it is answered.
    """

    head: bytes
    body: bytes
    lane: int


class Answer(NamedTuple):
    """When a request was sent and its answer there, in seconds since 1970."""

    status: int
    body: bytes
    sent: float
    arrived: float


def request(method: str, path: str, bearer: str, lane: int, body: bytes = b"") -> Request:
    """A request with JSON, or with none."""
    head = f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: {bearer}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return Request(head.encode(), body, lane)


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
    lanes: defaultdict[int, list[tuple[float, Request]]] = defaultdict(list)
    began = time.time()
    for number, one in enumerate(requests):
        lanes[one.lane % at_once].append((began + number / rate if rate else 0.0, one))
    answers = await asyncio.gather(*(_in_turn(port, lane) for lane in lanes.values()))
    return [one for many in answers for one in many]


async def _in_turn(port: int, requests: Sequence[tuple[float, Request]]) -> list[Answer]:
    """Each when it is due, in seconds since 1970; one that is late counts from then on too."""
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, port)
    answers = []
    for due, one in requests:
        await asyncio.sleep(max(0.0, due - time.time()))
        answers.append(await connection.ask(one, due or time.time()))
    connection.close()
    return answers


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
