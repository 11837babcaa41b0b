"""The API's description, as FastAPI makes it, with problems under their own media type."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE


def describe(app: FastAPI) -> None:
    """Lets `app` describe itself at `/openapi.json`; made on the first request."""
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]


def _description(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path in found["paths"].values():
            for operation in path.values():
                operation["responses"] = _responses(operation["responses"])
        for unused in ("HTTPValidationError", "ValidationError"):
            found["components"]["schemas"].pop(unused, None)
        app.openapi_schema = found
    return app.openapi_schema


def _responses(responses: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's own 422 is never answered here; every status from 400 on is a problem, save an unready server's."""
    answered = {status: response for status, response in responses.items() if status != "422"}
    for response in answered.values():
        content = response.get("content", {}).get("application/json", {})
        if content.get("schema", {}).get("$ref", "").endswith("/Problem"):
            response["content"] = {MEDIA_TYPE: content}
    return answered
