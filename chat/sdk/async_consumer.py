"""The consumer for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self

import schemas
from chat.privacy.event_content import HEADER
from chat.sdk.change import Change, Headers, Raw, change, unopened
from chat.sdk.consumer import POLL_SECONDS
from chat.sdk.feed import Feed
from chat.settings import Settings, load

AsyncOpener = Callable[[bytes, Headers], Awaitable[schemas.Record | None]]
"""As `SealedEvents.open`."""


class AsyncEventConsumer:
    """As `EventConsumer`, without blocking the event loop; an async context manager."""

    def __init__(self, group: str, settings: Settings | None = None, *, opener: AsyncOpener | None = None) -> None:
        self._feed = Feed(settings or load(), group)
        self._opener = opener

    async def changes(self, *, idle_seconds: float | None = None) -> AsyncGenerator[Change]:
        """As `EventConsumer.changes`."""
        idle = 0.0
        while idle_seconds is None or idle < idle_seconds:
            raw = self._feed.next(0) or await asyncio.to_thread(self._feed.next, POLL_SECONDS)
            if raw is None:
                idle += POLL_SECONDS
                continue
            await asyncio.sleep(0)  # with a backlog nothing else here would let others go on
            idle = 0.0
            found = await self._open(raw)
            if found is not None and not self._feed.is_repeat(found):
                yield found
            self._feed.handled(raw, found)

    async def close(self) -> None:
        """As `EventConsumer.close`."""
        await asyncio.to_thread(self._feed.close)

    async def _open(self, raw: Raw) -> Change | None:
        if self._opener is None or raw.value is None or HEADER not in dict(raw.headers):
            return unopened(raw)
        return change(raw, await self._opener(raw.value, raw.headers), sealed=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        await self.close()
