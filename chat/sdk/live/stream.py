"""The client for ordinary code."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import httpx2

from chat.errors import BadInput
from chat.sdk.live.events import LiveEvent
from chat.sdk.live.line import TIMEOUT, WAITED_OUT, Line

Token = str | Callable[[], str]
"""A token, or what gives one that is fresh: it is asked before each connection, and keeps what is good yet itself."""


class LiveStream:
    """Follows threads by the API at `address`, such as `https://chat.example`; a context manager.

    `transport` is httpx2's, for a proxy or certificates of one's own. `pause` waits so many seconds.
    """

    def __init__(
        self,
        address: str,
        token: Token,
        *,
        transport: httpx2.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx2.Client(base_url=checked(address), timeout=TIMEOUT, transport=transport)
        self._token = token
        self._pause = pause

    def follow(self, thread_id: str, after_seq: int | None = None) -> Iterator[LiveEvent]:
        """What happens in a thread, and before that every message behind `after_seq`; without it, from now on.

        Every message comes once and in order, over lost connections and restarts. What may pass is waited out, and
        said (`Reconnecting`): the API being away or full, its 5xx, 429, and a `Transient` of the token's callable.
        After `Ended` comes nothing. Raises `TokenExpired`, `TokenInvalid`, `Forbidden`, `NotVisible`, `BadInput` and
        `ApiRefused`; a token that is a callable is asked for another one first.
        """
        line = Line(thread_id, after_seq, renewable=callable(self._token))
        while True:
            try:
                yield from self._connection(line)
            except WAITED_OUT as error:
                line.lost(error)
            if line.over:
                return
            again = line.reconnecting()
            yield again
            self._pause(again.seconds)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _connection(self, line: Line) -> Iterator[LiveEvent]:
        with self._http.sse(line.path, headers=line.headers(self._fresh())) as source:
            if not source.response.is_success:
                source.response.read()
            for sent in source if line.begins(source.response) else ():
                event = line.take(sent)
                if event is not None:
                    yield event
                if line.cut:
                    return

    def _fresh(self) -> str:
        return self._token if isinstance(self._token, str) else self._token()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()


def checked(address: str) -> str:
    """The API's address. Raises `BadInput` for what no connection could ever be made to."""
    if httpx2.URL(address).scheme not in {"http", "https"}:
        raise BadInput("address", "a URL that begins with http:// or https://")
    return address
