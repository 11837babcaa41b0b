"""`/console`: a page that reads, for people who would rather look. Its files are in `api/console`."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from api.conditional import is_held
from chat.errors import NotVisible

router = APIRouter(prefix="/console", include_in_schema=False)

_FILES = files("api") / "console"
_SCRIPTS = ("main.js", "page.js", "service.js", "conversation.js", "thread.js", "privacy.js", "refusals.js")
_ASSETS = {"console.css": "text/css"} | dict.fromkeys(_SCRIPTS, "text/javascript")


class _File(NamedTuple):
    content: bytes
    tag: str


@router.get("")
async def page(request: Request) -> Response:
    """The page, also behind a proxy's prefix."""
    return _served(request, "index.html", "text/html")


@router.get("/{name}")
async def asset(request: Request, name: str) -> Response:
    """A script or the style sheet. Raises `NotVisible` for any other."""
    if name not in _ASSETS:
        raise NotVisible
    return _served(request, name, _ASSETS[name])


def _served(request: Request, name: str, media_type: str) -> Response:
    """A browser asks each time, so that the files of two versions never meet."""
    found = _read(name)
    headers = {"cache-control": "no-cache", "etag": f'"{found.tag}"'}
    if is_held(request, found.tag):
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=media_type)


@cache
def _read(name: str) -> _File:
    content = (_FILES / name).read_bytes()
    return _File(content, hashlib.sha256(content).hexdigest()[:16])
