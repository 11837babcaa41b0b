"""The example of a gateway, against the API's own description."""

import re
from typing import Any

import pytest
import yaml

from tests.worker import ROOT

KONG: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "kong" / "kong.yaml").read_text(encoding="utf-8"))
API: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
ROUTES = [route for service in KONG["services"] for route in service["routes"]]


def routes_of(path: str) -> list[str]:
    """The routes that let a path through, as Kong matches: by prefix, or after ~ by a regular expression."""
    return [route["name"] for route in ROUTES if any(_lets(pattern, path) for pattern in route["paths"])]


def _lets(pattern: str, path: str) -> bool:
    return bool(re.match(pattern[1:], path)) if pattern.startswith("~") else path.startswith(pattern)


@pytest.mark.parametrize("path", API["paths"])
def test_a_path_is_open_exactly_if_it_needs_a_token(path: str) -> None:
    """What anybody may read, as metrics and health, stays inside."""
    assert bool(routes_of(path)) is bool(API["paths"][path]["get"].get("security", API.get("security")))


def test_a_stream_has_a_way_of_its_own() -> None:
    """Without buffers and retries, open for an hour."""
    assert "chat-stream" in routes_of("/api/v1/threads/0199c0de-0000-7000-8000-000000000001/stream")
    assert "chat-stream" not in routes_of("/api/v1/threads/0199c0de-0000-7000-8000-000000000001/messages")
    (stream,) = [service for service in KONG["services"] if service["name"] == "chat-stream"]
    assert (stream["read_timeout"], stream["retries"]) == (3_600_000, 0)
    assert stream["routes"][0]["response_buffering"] is False


def test_nothing_that_writes_is_let_through() -> None:
    """The API only reads; and only with TLS."""
    for route in ROUTES:
        assert set(route["methods"]) <= {"GET", "HEAD", "OPTIONS"}
        assert route["protocols"] == ["https"]
        assert route["strip_path"] is False
