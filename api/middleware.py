"""Layers around every request, as plain ASGI: security headers, a request id and metrics, a boundary for errors."""

import itertools
import re
import secrets
import time
import traceback
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import unexpected
from chat.metrics import HTTP_SECONDS

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
STRICT_CONTENT = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
# Swagger UI's own styles stand in its elements; its scripts do not, so none but this site's files may run.
PAGE_CONTENT = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PROCESS = secrets.token_hex(8)
_count = itertools.count(1)
_log = structlog.get_logger()


BODILESS = "chat.bodiless"
"""In the scope of a request whose answer's body nobody gets."""


class HeadAsGet:
    """Answers HEAD as GET, without the body (RFC 9110 §9.3.2); everything within knows GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            return await self._app({**scope, "method": "GET", BODILESS: True}, receive, sending)
        return await self._app(scope, receive, send)


class SecurityHeaders:
    """Adds what keeps a browser from doing more with an answer than it should; `/docs` is a page, all else is data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = SECURITY_HEADERS | (PAGE_CONTENT if scope.get("path") == "/docs" else STRICT_CONTENT)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, sending)


class Observed:
    """Gives each request an id, which its answer and its lines in the log have, and measures it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _request_id(scope)
        started, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            finally:
                HTTP_SECONDS.labels(*_labels(scope, status)).observe(time.perf_counter() - started)


class Unfailing:
    """Answers a request in which the application failed; where the answer has begun, the server must break it off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # whatever it is, its caller gets a problem and the log the place
            if scope["type"] != "http":
                raise
            _log_fault(error)
            if begun:
                raise
            await unexpected()(scope, receive, send)


def _request_id(scope: Scope) -> str:
    """The caller's own `X-Request-ID` where it is a plain one, else a new one."""
    given = Headers(scope=scope).getlist("x-request-id")
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return f"{_PROCESS}-{next(_count)}"


def _labels(scope: Scope, status: int) -> tuple[str, str, str]:
    route: Any = scope.get("route")
    method = scope["method"] if scope["method"] in METHODS else "other"
    return method, getattr(route, "path", "none"), str(status)


def _log_fault(error: Exception) -> None:
    """Where it happened and of which kind it is: an error's text may hold what belongs into no log."""
    frames = traceback.format_tb(error.__traceback__)
    _log.error("request_failed", error=type(error).__name__, frames="".join(frames))
