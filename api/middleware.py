"""Layers around every request, as plain ASGI: security headers, a request id and metrics, a boundary for errors."""

import itertools
import re
import secrets
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import structlog
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from api.problems import unexpected
from api.rate_limit import EXEMPT
from chat import tracing
from chat.metrics import HTTP_SECONDS
from chat.tracing import TRACEPARENT

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
# Trusted Types: a script that parses text as markup is stopped by the browser.
CONSOLE_CONTENT = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
}
PAGES = {"/docs": PAGE_CONTENT, "/console": CONSOLE_CONTENT}
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DATA_HEADERS = Headers(SECURITY_HEADERS | STRICT_CONTENT).raw
_HEADERS = {path: Headers(SECURITY_HEADERS | content).raw for path, content in PAGES.items()}
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
    """Adds what keeps a browser from doing more with an answer than it should; whatever is no page is data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _HEADERS.get(scope.get("path", ""), _DATA_HEADERS)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]  # nothing within gives one of them
            await send(message)

        await self._app(scope, receive, sending)


class Observed:
    """Gives each request an id, which its answer and its lines in the log have; measures, traces and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _request_id(scope)
        seen = Seen()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                seen.answer(message["status"], headers)
            await send(message)

        with (
            bound_contextvars(request_id=request_id, tenant_id=None, user_id=None),
            _span(scope) as span,
        ):
            try:
                await self._app(scope, receive, sending)
            finally:
                _account(scope, seen, span)


@dataclass(slots=True)
class Seen:
    """What is known of a request from outside; status 0 where it was never answered."""

    status: int = 0
    started: float = field(default_factory=time.perf_counter)
    streamed: float | None = None

    def answer(self, status: int, headers: MutableHeaders) -> None:
        """The answer begins. A live stream is answered then, however long it goes on."""
        self.status = status
        if headers.get("content-type", "").startswith("text/event-stream"):
            self.streamed = time.perf_counter()


def _span(scope: Scope) -> AbstractContextManager[Span]:
    """A request's span, in its caller's trace; none for those that come every few seconds and tell nothing."""
    if scope.get("path") in EXEMPT:
        return nullcontext(INVALID_SPAN)
    traceparent = Headers(scope=scope).get(TRACEPARENT, "")
    return tracing.span(_method(scope), kind=SpanKind.SERVER, context=tracing.extract(traceparent))


def _account(scope: Scope, seen: Seen, span: Span) -> None:
    """By the route, never by the path, which holds ids, or the query, which may hold anything."""
    seconds = time.perf_counter() - seen.started
    method, route = _method(scope), _route(scope)
    answered = seconds if seen.streamed is None else seen.streamed - seen.started
    HTTP_SECONDS.labels(method, route, str(seen.status)).observe(answered)
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route})
        span.set_attribute("http.response.status_code", seen.status)
    say = _log.debug if scope.get("path") in EXEMPT else _log.info
    say("request", method=method, route=route, status=seen.status, duration_ms=round(seconds * 1000, 1))


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


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "none"))


def _log_fault(error: Exception) -> None:
    """Where it happened and of which kind it is: an error's text may hold what belongs into no log."""
    frames = traceback.format_tb(error.__traceback__)
    _log.error("request_failed", error=type(error).__name__, frames="".join(frames))
