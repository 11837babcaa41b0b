"""Answers that are no success: problem details (RFC 9457). What a caller may not see looks like what is not there."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.problem_codes import ProblemCode
from chat.errors import (
    BadInput,
    BadToken,
    BrokerRefused,
    BrokerUnavailable,
    BundleStoreUnavailable,
    Forbidden,
    KeyStoreUnavailable,
    KeysUnavailable,
    NotVisible,
    StorageUnavailable,
    TokenExpired,
    TooManyListeners,
    TopicMismatch,
)

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="aivo-chat"'

NOTHING_HERE = "there is nothing here that this token may see"
RULE_BROKEN = "the request breaks a rule"
READ_ONLY = "this API only reads; commands go through Kafka"
STORE_AWAY = "the store does not answer; try again"
LOG_AWAY = "the log of refusals cannot be read; try again"
KEYS_AWAY = "the keys of tokens cannot be had; try again"
EXPORTS_AWAY = "the store of exports cannot be had; try again"
CONTENT_KEYS_AWAY = "the keys of content cannot be had; try again"
STREAMS_FULL = "no more live streams are served here now; try again"
OUR_FAULT = "the service failed; the fault is not the request's"

Complaints = Sequence[Mapping[str, str]]

_log = structlog.get_logger()


def body(code: ProblemCode, detail: str, errors: Complaints = ()) -> dict[str, Any]:
    """A problem as JSON has it; its title is the status' own phrase."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(code.status).phrase,
        "status": code.status,
        "detail": detail,
        "code": code,
    }
    return told | ({"errors": errors} if errors else {})


def problem(code: ProblemCode, detail: str, *, errors: Complaints = (), headers: Mapping[str, str] = {}) -> Response:
    """A problem's answer, which nobody keeps."""
    content = orjson.dumps(body(code, detail, errors))
    return Response(content, code.status, {"cache-control": "no-store", **headers}, MEDIA_TYPE)


def not_found() -> Response:
    """The one answer for what is not there and for what the caller may not see."""
    return problem(ProblemCode.NOT_FOUND, NOTHING_HERE)


def unexpected() -> Response:
    """The answer after an error of ours; what it was stands in the log alone."""
    return problem(ProblemCode.INTERNAL, OUR_FAULT)


def install(app: FastAPI) -> None:
    """Turns what routes raise into problems."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _on_token(request: Request, error: Exception) -> Response:
    """RFC 6750 §3.1: only a request that brought something is told that it is wrong."""
    challenge = CHALLENGE + (', error="invalid_token"' if "authorization" in request.headers else "")
    code = ProblemCode.TOKEN_EXPIRED if isinstance(error, TokenExpired) else ProblemCode.UNAUTHENTICATED
    return problem(code, str(error), headers={"www-authenticate": challenge})


async def _on_forbidden(_request: Request, error: Exception) -> Response:
    return problem(ProblemCode.FORBIDDEN, str(error))


async def _on_not_visible(_request: Request, _error: Exception) -> Response:
    return not_found()


async def _on_bad_input(_request: Request, error: Exception) -> Response:
    complaints = [{"field": error.field, "rule": error.rule}] if isinstance(error, BadInput) else []
    return _invalid(complaints)


async def _on_validation(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return _invalid([{"field": str(one["loc"][-1]), "rule": str(one["msg"])} for one in found])


async def _on_storage(_request: Request, error: Exception) -> Response:
    _log.warning("cassandra_away", reason=str(error))
    return problem(ProblemCode.UNAVAILABLE, STORE_AWAY, headers={"retry-after": "1"})


async def _on_broker(_request: Request, error: Exception) -> Response:
    _log.warning("kafka_away", reason=str(error))
    return problem(ProblemCode.UNAVAILABLE, LOG_AWAY, headers={"retry-after": "1"})


async def _on_key_store(_request: Request, error: Exception) -> Response:
    _log.warning("keys_away", reason=str(error))
    return problem(ProblemCode.UNAVAILABLE, CONTENT_KEYS_AWAY, headers={"retry-after": "5"})


async def _on_keys(_request: Request, error: Exception) -> Response:
    _log.warning("jwks_away", reason=str(error))
    return problem(ProblemCode.UNAVAILABLE, KEYS_AWAY, headers={"retry-after": "5"})


async def _on_bundles(_request: Request, error: Exception) -> Response:
    _log.warning("exports_away", reason=str(error))
    return problem(ProblemCode.UNAVAILABLE, EXPORTS_AWAY, headers={"retry-after": "5"})


async def _on_full(_request: Request, _error: Exception) -> Response:
    return problem(ProblemCode.UNAVAILABLE, STREAMS_FULL, headers={"retry-after": "5"})


async def _on_http(_request: Request, error: Exception) -> Response:
    """What the router itself raises: no such path, or another method."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(ProblemCode.METHOD_NOT_ALLOWED, READ_ONLY, headers={"allow": "GET, HEAD"})
    return not_found()


def _invalid(complaints: Complaints) -> Response:
    return problem(ProblemCode.INVALID, RULE_BROKEN, errors=complaints)


_HANDLERS = {
    BadToken: _on_token,
    Forbidden: _on_forbidden,
    NotVisible: _on_not_visible,
    BadInput: _on_bad_input,
    RequestValidationError: _on_validation,
    StorageUnavailable: _on_storage,
    BrokerUnavailable: _on_broker,
    BrokerRefused: _on_broker,
    TopicMismatch: _on_broker,
    KeysUnavailable: _on_keys,
    KeyStoreUnavailable: _on_key_store,
    BundleStoreUnavailable: _on_bundles,
    TooManyListeners: _on_full,
    HTTPException: _on_http,
}
