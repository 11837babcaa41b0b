"""A bound on what a client may send before anybody looks at its request: uvicorn's httptools protocol has none.

Without it one connection that sends header after header fills the memory of a process, before its token is looked at
and its requests are counted.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.bounded_sending import BREAK_OFF

MAX_HEAD_BYTES = 65_536
"""Of the request line and the headers, and what more came with the last of them. A token has a few hundred."""

_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHead(HttpToolsProtocol):
    """Answers 431 and closes the connection where a head does not end in time; lets answers break it off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = False

    def on_message_begin(self) -> None:
        """The parser's call."""
        self._in_head = True
        super().on_message_begin()
        self.scope["state"][BREAK_OFF] = self.transport.abort

    def on_headers_complete(self) -> None:
        """The parser's call."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """The transport's call."""
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()
