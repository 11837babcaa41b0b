"""Requests of an address in a minute, counted where REDIS_URL says, so that all processes of a service count as one.

Without Redis each process counts for itself. While Redis is away nobody counts and everybody is let in: a limit is
protection, not truth, and a counter that fails must not take the service with it.
"""

import asyncio
import math
import time
from typing import Any, NamedTuple

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.errors import BadSetting
from chat.metrics import RATE_UNLIMITED

WINDOW_SECONDS = 60
PATIENCE_SECONDS = 0.25
"""How long a request waits for Redis at most."""

REST_SECONDS = 1.0
"""For how long Redis is not asked again after it did not answer."""

_REDIS: dict[str, Any] = {
    "implementation": "redispy",  # of coredis an old version would be needed
    "wrap_exceptions": True,
    "key_prefix": "aivo-chat",
    "retry": Retry(NoBackoff(), retries=1),  # a connection that Redis has closed meanwhile is no fault
}
_log = structlog.get_logger()


class Count(NamedTuple):
    """Where an address stands: whether this request is within the limit, how many are left, for how many seconds."""

    admitted: bool
    left: int
    seconds: int


class RequestCount:
    """Counts in fixed windows of a minute; a window begins with an address' first request."""

    def __init__(self, requests: int, storage: Storage) -> None:
        self._limit = RateLimitItemPerMinute(requests)
        self._limiter = FixedWindowRateLimiter(storage)
        self._away = False
        self._rest_until = float("-inf")

    @property
    def requests(self) -> int:
        """How many requests a window has."""
        return self._limit.amount

    async def take(self, address: str) -> Count | None:
        """Counts one request; None where nobody counts."""
        if time.monotonic() >= self._rest_until:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    count = await self._take(address)
            except (StorageError, TimeoutError) as error:
                self._lose(error)
            else:
                self._find()
                return count
        RATE_UNLIMITED.inc()
        return None

    async def _take(self, address: str) -> Count:
        admitted = await self._limiter.hit(self._limit, address)
        window = await self._limiter.get_window_stats(self._limit, address)
        seconds = math.ceil(window.reset_time - time.time())
        return Count(admitted, window.remaining, min(max(seconds, 1), WINDOW_SECONDS))

    def _lose(self, error: Exception) -> None:
        self._rest_until = time.monotonic() + REST_SECONDS
        if not self._away:
            cause = error.__cause__ or error
            # Its kind alone: the text may hold the address, and that a password.
            _log.warning("rate_limit_off", error=type(cause).__name__)
        self._away = True

    def _find(self) -> None:
        if self._away:
            _log.info("rate_limit_on")
        self._away = False


def storage_at(url: str) -> Storage:
    """The counters at a Redis' address; an empty one: in this process's memory. Raises `BadSetting`."""
    if not url:
        return MemoryStorage()
    if not url.startswith(("redis://", "rediss://")):
        raise BadSetting("REDIS_URL: must be like redis://host:6379/0")
    try:
        return RedisStorage(f"async+{url}", **_REDIS)
    except (ConfigurationError, ValueError):
        raise BadSetting("REDIS_URL: must be like redis://host:6379/0") from None
