"""The API's description (OpenAPI 3.1): FastAPI's, made true to what is answered: headers, problems, examples."""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import examples
from api.problem_codes import ProblemCode
from api.problems import CHALLENGE, MEDIA_TYPE
from api.rate_limit import EXEMPT

DESCRIPTION = """Reads what the chat service keeps. **Nothing is written here**: every command goes through Kafka,
and any method but `GET` and `HEAD` is answered 405. `HEAD` is `GET` without the body.

Errors are problem details (RFC 9457) with a `code`. What a caller may not see looks like what is not there: one 404.
A parameter that a path does not have, or that stands twice, is 400; an empty one is as good as none.
"""

TAGS = [
    {"name": "threads", "description": "A learner's threads."},
    {"name": "messages", "description": "A thread's messages, in pages both ways."},
    {"name": "refusals", "description": "What was refused of a learner's commands, for who moderates."},
    {"name": "privacy", "description": "What was asked for a learner's data, and what came of it."},
    {"name": "service", "description": "What the service says of itself; nobody needs a token for it."},
]

_COUNTED = {"RateLimit", "RateLimit-Policy"}
"""On every answer whose request is counted, unless nobody counts."""


def _header(description: str, example: str, *, always: bool = True) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"description": description, "required": always, "schema": schema, "example": example}


HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-ID": _header("The request's own id, where it brought a plain one, else a new one.", "abc-1"),
    "Cache-Control": _header("Who may keep the answer: its caller alone, or nobody.", "private, no-cache"),
    "ETag": _header("The version of what is shown, for `If-None-Match`.", '"17-1768473061500000-15"'),
    "RateLimit": _header(
        "Requests left, and the seconds until the count begins anew.", '"address";r=59;t=60', always=False
    ),
    "RateLimit-Policy": _header("Requests in a window of so many seconds.", '"address";q=60;w=60', always=False),
    "Retry-After": _header("Seconds to wait.", "1"),
    "WWW-Authenticate": _header("The scheme that is wanted, and what is wrong.", f'{CHALLENGE}, error="invalid_token"'),
    "Allow": _header("The methods that there are.", "GET, HEAD"),
}

PARAMETERS: Mapping[str, dict[str, Any]] = {
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "Up to 128 of `A-Z a-z 0-9 . _ -`; anything else is replaced by an id of the service's own.",
        "schema": {"type": "string"},
        "example": "abc-1",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "`ETag`s that the caller holds: 304 where one of them is what would be shown.",
        "schema": {"type": "string"},
        "example": '"17-1768473061500000-15"',
    },
}

_PROBLEM_HEADERS = {401: ["WWW-Authenticate"], 405: ["Allow"], 429: ["Retry-After"], 503: ["Retry-After"]}


def describe(app: FastAPI) -> None:
    """Lets `app` describe itself at `/openapi.json`; made on the first request."""
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]


def _description(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            license_info=app.license_info,
            servers=[{"url": "/", "description": "API_HOST and API_PORT, or what stands before them"}],
            routes=app.routes,
        )
        for path, item in found["paths"].items():
            _complete(path, item["get"])
        schemas = found["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        found["components"] |= {"responses": _problems(), "headers": HEADERS, "parameters": PARAMETERS}
        app.openapi_schema = found
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Brings one path's description to what is answered there."""
    operation.setdefault("security", [])  # said outright: nobody needs a token
    conditional = "304" in operation["responses"]
    given = [_parameter(one) for one in operation.get("parameters", [])]
    named = ["RequestId", *(["IfNoneMatch"] if conditional else [])]
    operation["parameters"] = given + [{"$ref": f"#/components/parameters/{name}"} for name in named]
    headers = ["X-Request-ID", "Cache-Control", *(["ETag"] if conditional else [])]
    if path == "/metrics":
        headers.remove("Cache-Control")
    headers += sorted(_COUNTED) if path not in EXEMPT else []
    operation["responses"]["200"]["description"] = operation["description"]
    operation["responses"] = {
        status: _response(int(status), response, headers)
        for status, response in sorted(operation["responses"].items())
        if status != "422"  # FastAPI's own, which is never answered here
    }


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    """Without what a query cannot hold (null) and what is said twice."""
    schema = one["schema"]
    told = schema["anyOf"][0] if "anyOf" in schema else schema
    kept = {name: value for name, value in told.items() if name not in {"title", "description"}}
    empty = {"allowEmptyValue": True} if one["in"] == "query" and not one["required"] else {}
    return one | empty | {"schema": kept}


def _response(status: int, response: dict[str, Any], headers: list[str]) -> dict[str, Any]:
    """A problem is the one of its status; an answer gets its headers and examples."""
    for content in response.get("content", {}).values():
        document = content["schema"].get("$ref", "").rpartition("/")[2]
        if document == "Problem":
            return {"$ref": f"#/components/responses/{_name(status)}"}
        if document:
            content["schema"].pop("type", None)  # FastAPI's guess at a response class that it does not know
            content["examples"] = _examples(document, status)
    described = {"description": response["description"], "headers": {name: _header_of(name) for name in headers}}
    return response | described


def _examples(document: str, status: int) -> dict[str, Any]:
    return {told: {"value": value} for told, value in examples.ANSWERS[document, status].items()}


def _header_of(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _problems() -> dict[str, Any]:
    """Every problem by the name of its status."""
    grouped = groupby(ProblemCode, key=lambda code: code.status)
    return {_name(status): _problem(status, list(codes)) for status, codes in grouped}


def _problem(status: int, codes: list[ProblemCode]) -> dict[str, Any]:
    exactly: dict[str, Any] = {
        "properties": {"status": {"const": status}, "code": {"enum": [str(code) for code in codes]}}
    }
    if status == HTTPStatus.BAD_REQUEST:
        exactly["required"] = ["errors"]
    headers = ["X-Request-ID", "Cache-Control", *_PROBLEM_HEADERS.get(status, []), *sorted(_COUNTED)]
    return {
        "description": "; ".join(f"`{code}`: {code.meaning}" for code in codes),
        "headers": {name: _header_of(name) for name in headers},
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, exactly]},
                "examples": {str(code): {"value": examples.PROBLEMS[code]} for code in codes},
            }
        },
    }
