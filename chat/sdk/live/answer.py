"""What an answer that is no stream means: wait and ask again, or an error with a type."""

from http import HTTPStatus
from typing import Any

import httpx2
import orjson

from chat.errors import (
    ApiRefused,
    ApiUnavailable,
    BadInput,
    Forbidden,
    NotVisible,
    Permanent,
    TokenExpired,
    TokenInvalid,
)

PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
OTHERS: dict[int, type[Permanent]] = {HTTPStatus.FORBIDDEN: Forbidden, HTTPStatus.NOT_FOUND: NotVisible}


def judge(answer: httpx2.Response) -> None:
    """Returns where the answer is a stream; otherwise its body must have been read.

    Raises `ApiUnavailable` for what passes by itself, `TokenExpired` or `TokenInvalid` (401), `Forbidden` (403),
    `NotVisible` (404), `BadInput` (400), and `ApiRefused` for all else, a redirect too: it would take the token along.
    """
    if answer.is_success:
        return
    status, problem = answer.status_code, _problem(answer)
    if status in PASSING or answer.is_server_error:
        raise ApiUnavailable(f"HTTP {status}", _seconds(answer))
    detail = str(problem.get("detail") or f"HTTP {status}")
    if status == HTTPStatus.UNAUTHORIZED:
        raise (TokenExpired if problem.get("code") == "token_expired" else TokenInvalid)(detail)
    if status == HTTPStatus.BAD_REQUEST:
        raise _bad_input(problem, detail)
    raise OTHERS.get(status, ApiRefused)(detail)


def _bad_input(problem: dict[str, Any], detail: str) -> BadInput:
    match problem.get("errors"):
        case [{"field": str(field), "rule": str(rule)}, *_]:
            return BadInput(field, rule)
    return BadInput("request", detail)


def _problem(answer: httpx2.Response) -> dict[str, Any]:
    """The problem document; empty where a proxy has answered in its own words."""
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(answer: httpx2.Response) -> float:
    """`Retry-After` in seconds; 0 where there is none, or it is a date."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
