"""Bounds on what a client may send before anybody looks at its request: uvicorn's httptools protocol has none.

Without them one connection that sends header after header fills the memory of a process, before its token is looked at
and its requests are counted; so do trailers, which may follow a body and which uvicorn adds to the headers.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.bounded_sending import BREAK_OFF

MAX_HEAD_BYTES = 65_536
"""Of the request line and the headers, or of trailers, and what more came with the last of them. A token has a few
hundred.
"""

HEAD_SECONDS = 20.0
"""From the connection, or the first byte of a later request, to the end of its head."""

_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHead(HttpToolsProtocol):
    """Answers 431 and closes the connection where a head or its trailers are too long, and closes it where a head takes
    too long. Trailers are for nobody. Lets answers break the connection off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread_bytes = 0
        self._in_message = self._in_head = self._had_body = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """The transport's call."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport's call."""
        self._end()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The parser's call."""
        self._in_message = self._in_head = True
        self._begin()
        super().on_message_begin()
        self.scope["state"][BREAK_OFF] = self.transport.abort

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's call, for trailers too."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The parser's call."""
        self._in_head = False
        self._end()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser's call: what is a body's is not kept here."""
        self._had_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's call."""
        self._in_message = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """The transport's call."""
        self._had_body = False
        super().data_received(data)
        unread = self._in_message and not self._had_body
        self._unread_bytes = self._unread_bytes + len(data) if unread else 0
        if self._unread_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._late)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
