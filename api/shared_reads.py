"""One read for all who ask for the same at once, and never one that began before they asked.

So an answer has in it whatever its caller knew of when it asked, as if each had read alone; and a hot thread costs one
read at a time, however many look at it. Go's `singleflight`, but that late callers take nothing that is under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Read:
    begun: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[Any] | None = None


class SharedReads:
    """The reads of one process."""

    def __init__(self) -> None:
        self._latest: dict[Hashable, _Read] = {}

    async def read(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What an `ask` with this key gives that begins after this call. Raises what that raises."""
        latest = self._latest.get(key)
        if latest is None:
            return await self._begin(key, _Read(), ask)
        if latest.begun:
            latest = self._line_up(key, latest, ask)
        # The others want it even where this caller is gone.
        return await asyncio.shield(latest.task)  # type: ignore[arg-type]

    def _line_up(self, key: Hashable, before: _Read, ask: Callable[[], Awaitable[T]]) -> _Read:
        """The read that begins when the one before it has ended, well or not."""

        async def go() -> T:
            await before.ended.wait()
            return await self._begin(key, mine, ask)

        mine = self._latest[key] = _Read()
        mine.task = asyncio.create_task(go())
        mine.task.add_done_callback(_heard)
        return mine

    async def _begin(self, key: Hashable, mine: _Read, ask: Callable[[], Awaitable[T]]) -> T:
        self._latest[key] = mine
        mine.begun = True
        try:
            return await ask()
        finally:
            mine.ended.set()
            if self._latest[key] is mine:
                del self._latest[key]


def _heard(task: asyncio.Task[Any]) -> None:
    """Else an error is logged as one that nobody took, where everybody has left meanwhile."""
    if not task.cancelled():
        task.exception()
