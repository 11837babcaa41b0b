"""Waiting for a condition, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

PAUSE = 0.05


def until(condition: Callable[[], Any], timeout: float = 90.0, what: str = "the condition") -> Any:
    """The first true value of `condition`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(PAUSE)
    return value


async def until_async(
    condition: Callable[[], Any | Awaitable[Any]], timeout: float = 90.0, what: str = "the condition"
) -> Any:
    """As `until`, on an event loop; the condition may be a coroutine function."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not come true within {timeout} s"
        await asyncio.sleep(PAUSE)
