"""One request to an application, without a server between."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import Message, Scope

from api.bounded_sending import BREAK_OFF


class Connection:
    """What a client takes, and when it goes; from where `stalls` says so on it takes nothing until `takes`."""

    def __init__(self, app: FastAPI, path: str, bearer: str, stalls: Callable[[bytes], bool] = lambda _: False) -> None:
        self._app, self._path, self._bearer, self._stalls = app, path, bearer, stalls
        self.body = b""
        self.length: int | None = None
        """The `Content-Length` that it was told."""

        self.complete = False
        self.broken_off = False
        self.takes = asyncio.Event()
        self.gone = asyncio.Event()

    async def run(self) -> None:
        bearer = [(b"authorization", f"Bearer {self._bearer}".encode())]
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "path": self._path, "raw_path": self._path.encode(), "query_string": b"", "headers": bearer,
            "scheme": "http", "server": ("api", 80), "client": ("192.0.2.1", 1), "root_path": "",
            "state": {BREAK_OFF: self._break_off},
        }  # fmt: skip
        await self._app(scope, self._receive, self._send)

    def _break_off(self) -> None:
        self.broken_off = True

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            length = dict(message["headers"]).get(b"content-length")
            self.length = None if length is None else int(length)
            return
        self.body += message.get("body", b"")
        self.complete = not message.get("more_body", False)
        if self._stalls(self.body):
            await self.takes.wait()
