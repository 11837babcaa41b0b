"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self

import httpx2

from chat.sdk.live.events import LiveEvent
from chat.sdk.live.line import TIMEOUT, WAITED_OUT, Line
from chat.sdk.live.stream import checked

AsyncToken = str | Callable[[], Awaitable[str]]
"""As `Token`; the callable is awaited."""


class AsyncLiveStream:
    """As `LiveStream`, without blocking the event loop; an async context manager. Any number of threads at once."""

    def __init__(
        self,
        address: str,
        token: AsyncToken,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        unlimited = httpx2.Limits(max_connections=None)
        self._http = httpx2.AsyncClient(
            base_url=checked(address), timeout=TIMEOUT, limits=unlimited, transport=transport
        )
        self._token = token
        self._pause = pause

    async def follow(self, thread_id: str, after_seq: int | None = None) -> AsyncGenerator[LiveEvent]:
        """As `LiveStream.follow`; leave it early by `aclosing`, so that the connection ends at once."""
        line = Line(thread_id, after_seq, renewable=callable(self._token))
        while True:
            try:
                async with aclosing(self._connection(line)) as events:
                    async for event in events:
                        yield event
            except WAITED_OUT as error:
                line.lost(error)
            if line.over:
                return
            again = line.reconnecting()
            yield again
            await self._pause(again.seconds)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _connection(self, line: Line) -> AsyncGenerator[LiveEvent]:
        async with self._http.sse(line.path, headers=line.headers(await self._fresh())) as source:
            if not source.response.is_success:
                await source.response.aread()
            if not line.begins(source.response):
                return
            async for sent in source:
                event = line.take(sent)
                if event is not None:
                    yield event
                if line.cut:
                    return

    async def _fresh(self) -> str:
        return self._token if isinstance(self._token, str) else await self._token()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        await self.close()
