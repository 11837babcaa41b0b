"""Which other sites' pages may read the API: CORS, as browsers ask for it (the Fetch standard, §3.3)."""

import re
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from chat.errors import BadSetting

SENT = ("authorization", "if-none-match", "last-event-id", "x-request-id")
"""Headers that a page may send beyond those that every page may."""

READ = ("etag", "ratelimit", "ratelimit-policy", "retry-after", "www-authenticate", "x-request-id")
"""Headers that a page may read beyond those that every page may."""

_ORIGIN = re.compile(r"\*|https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")


def let_in(app: FastAPI, origins: Sequence[str]) -> None:
    """Adds the layer for `origins`; without any, a browser keeps every answer from other sites' pages.

    Raises `BadSetting` for what no browser would send as an origin.
    """
    if not all(map(_ORIGIN.fullmatch, origins)):
        raise BadSetting("CORS_ORIGINS: must be origins in lower case without a path, such as https://school.example")
    if origins:
        # A token is no cookie: a page must have it to send it, so no credentials are allowed.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "HEAD"],
            allow_headers=SENT,
            expose_headers=READ,
        )
