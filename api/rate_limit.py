"""So many requests a minute an address; health and metrics are exempt."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.client_address import ClientAddress
from api.problems import problem
from chat.metrics import RATE_LIMITED

EXEMPT = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
WINDOW_SECONDS = 60


class RateLimit:
    """An ASGI layer; counts in `storage`, which the processes of one service may share."""

    def __init__(self, app: ASGIApp, requests: int, addresses: ClientAddress, storage: Storage | None = None) -> None:
        self._app = app
        self._limit = RateLimitItemPerMinute(requests)
        self._addresses = addresses
        # A window begins with its first request.
        self._limiter = FixedWindowRateLimiter(storage or MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            return await self._app(scope, receive, send)
        address = self._addresses.of(scope)
        admitted = await self._limiter.hit(self._limit, address)
        headers = await self._headers(address)
        if admitted:
            return await self._app(scope, receive, _with(headers, send))
        RATE_LIMITED.inc()
        refused = problem(
            429,
            "rate_limited",
            f"more than {self._limit.amount} requests a minute from one address",
            headers=headers | {"retry-after": headers["ratelimit-reset"]},
        )
        return await refused(scope, receive, send)

    async def _headers(self, address: str) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` of the IETF's draft, and the three that came before it."""
        stats = await self._limiter.get_window_stats(self._limit, address)
        seconds = min(max(math.ceil(stats.reset_time - time.time()), 1), WINDOW_SECONDS)
        limit = self._limit.amount
        return {
            "ratelimit-policy": f'"address";q={limit};w={WINDOW_SECONDS}',
            "ratelimit": f'"address";r={stats.remaining};t={seconds}',
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(stats.remaining),
            "ratelimit-reset": str(seconds),
        }


def _with(headers: dict[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
