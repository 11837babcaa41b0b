"""Answers that are no success: problem details (RFC 9457). What a caller may not see looks like what is not there."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from chat.errors import (
    BadInput,
    BadToken,
    Forbidden,
    KeyStoreUnavailable,
    KeysUnavailable,
    NotVisible,
    StorageUnavailable,
    TokenExpired,
)

MEDIA_TYPE = "application/problem+json"

_CODES = {404: "not_found", 405: "method_not_allowed"}
_log = structlog.get_logger()


def problem(
    status: int, code: str, detail: str, *, errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] = {}
) -> Response:
    """A problem's answer; its title is the status' own phrase."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, {"cache-control": "no-store", **headers}, MEDIA_TYPE)


def not_found() -> Response:
    """The one answer for what is not there and for what the caller may not see."""
    return problem(404, "not_found", "there is nothing here that this token may see")


def unexpected() -> Response:
    """The answer after an error of ours; what it was stands in the log alone."""
    return problem(500, "internal", "the service failed; the fault is not the request's")


def install(app: FastAPI) -> None:
    """Turns what routes raise into problems."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _on_token(_request: Request, error: Exception) -> Response:
    code = "token_expired" if isinstance(error, TokenExpired) else "unauthenticated"
    return problem(401, code, str(error), headers={"www-authenticate": 'Bearer realm="aivo-chat"'})


async def _on_forbidden(_request: Request, error: Exception) -> Response:
    return problem(403, "forbidden", str(error))


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
    return problem(503, "unavailable", "the store does not answer; try again", headers={"retry-after": "1"})


async def _on_key_store(_request: Request, error: Exception) -> Response:
    _log.warning("keys_away", reason=str(error))
    return problem(503, "unavailable", "the keys of content cannot be had; try again", headers={"retry-after": "5"})


async def _on_keys(_request: Request, error: Exception) -> Response:
    _log.warning("jwks_away", reason=str(error))
    return problem(503, "unavailable", "the keys of tokens cannot be had; try again", headers={"retry-after": "5"})


async def _on_http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException) or error.status_code == HTTPStatus.NOT_FOUND:
        return not_found()
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, "refused")
    return problem(status, code, status.description or status.phrase, headers=error.headers or {})


def _invalid(complaints: Sequence[Mapping[str, str]]) -> Response:
    return problem(400, "invalid", "the request breaks a rule", errors=complaints)


_HANDLERS = {
    BadToken: _on_token,
    Forbidden: _on_forbidden,
    NotVisible: _on_not_visible,
    BadInput: _on_bad_input,
    RequestValidationError: _on_validation,
    StorageUnavailable: _on_storage,
    KeysUnavailable: _on_keys,
    KeyStoreUnavailable: _on_key_store,
    HTTPException: _on_http,
}
