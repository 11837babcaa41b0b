"""So many requests a minute an address; health and metrics are exempt."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.client_address import ClientAddress
from api.problem_codes import ProblemCode
from api.problems import problem
from api.request_count import WINDOW_SECONDS, Count, RequestCount
from chat.metrics import RATE_LIMITED

EXEMPT = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})


class RateLimit:
    """An ASGI layer."""

    def __init__(self, app: ASGIApp, count: RequestCount, addresses: ClientAddress) -> None:
        self._app = app
        self._count = count
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            return await self._app(scope, receive, send)
        count = await self._count.take(self._addresses.of(scope))
        if count is None:
            return await self._app(scope, receive, send)
        headers = self._headers(count)
        if count.admitted:
            return await self._app(scope, receive, _with(headers, send))
        RATE_LIMITED.inc()
        refused = problem(
            ProblemCode.RATE_LIMITED,
            f"more than {self._count.requests} requests a minute from one address",
            headers=headers | {"retry-after": str(count.seconds)},
        )
        return await refused(scope, receive, send)

    def _headers(self, count: Count) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` of the IETF's draft, and the three that came before it."""
        limit = self._count.requests
        return {
            "ratelimit-policy": f'"address";q={limit};w={WINDOW_SECONDS}',
            "ratelimit": f'"address";r={count.left};t={count.seconds}',
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(count.left),
            "ratelimit-reset": str(count.seconds),
        }


def _with(headers: dict[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
