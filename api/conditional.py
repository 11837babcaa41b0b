"""Answers that a caller may hold already: `ETag` and `If-None-Match` (RFC 9110 §8.8.3 and §13.1.2)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import Request, Response

from api.rendering import KEEPING, Json

_TAG = re.compile(r'[ \t]*(?:(?:W/)?"(?P<opaque>[!#-~\x80-\xff]*)"[ \t]*)?(?:,|\Z)')


def unless_held(request: Request, versions: tuple[int, ...], render: Callable[[], Any]) -> Response:
    """What `render` gives, under the tag that `versions` make; 304 without it where the caller holds that.

    Whoever calls this knows that the caller may see it: a tag opens no door.
    """
    opaque = "-".join(map(str, versions))
    headers = {"etag": f'"{opaque}"'}
    if is_held(request, opaque):
        return Response(status_code=304, headers=KEEPING | headers)
    answer = Json(render())
    answer.headers.update(headers)
    return answer


def is_held(request: Request, opaque: str) -> bool:
    """Whether the caller names that tag, by weak comparison: whether a tag is a weak one does not matter."""
    given = ",".join(request.headers.getlist("if-none-match"))
    return given.strip() == "*" or opaque in _opaque_tags(given)


def _opaque_tags(given: str) -> list[str]:
    """What stands between the quotes; nothing at all where `given` is no list of tags."""
    try:
        return list(_read(given))
    except ValueError:
        return []


def _read(given: str) -> Iterator[str]:
    place = 0
    while place < len(given):
        found = _TAG.match(given, place)
        if found is None:
            raise ValueError
        if found["opaque"] is not None:
            yield found["opaque"]
        place = found.end()
