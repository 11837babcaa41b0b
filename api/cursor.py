"""Cursors: where a listing goes on, signed, so that only a listing's own cursors work in it.

A cursor is base64url of a tag and a JSON list. The tag is a keyed BLAKE2 (RFC 7693) over that list and over what was
listed (the route, the tenant, whose or which), which the cursor itself does not hold.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from chat.errors import BadInput

TAG_BYTES = 16
MAX_CHARACTERS = 512

Listing = tuple[str, ...]
"""What a cursor belongs to: the route, the tenant, and the learner or thread."""

SecretSource = Callable[[], Awaitable[bytes]]
"""A secret of at most 64 bytes that all API processes share; asked for once."""


class Cursors:
    """Seals and opens cursors."""

    def __init__(self, secret: SecretSource) -> None:
        self._secret = secret
        self._key: bytes | None = None

    async def seal(self, listing: Listing, place: Sequence[Any]) -> str:
        """The cursor of a place in a listing; `place` holds what JSON can."""
        body = orjson.dumps(place)
        return _encode(await self._tag(listing, body) + body)

    async def open(self, listing: Listing, cursor: str) -> list[Any]:
        """The place that a cursor of this listing stands for. Raises `BadInput` for any other text."""
        raw = _decode(cursor)
        tag, body = raw[:TAG_BYTES], raw[TAG_BYTES:]
        if not hmac.compare_digest(tag, await self._tag(listing, body)):
            raise bad_cursor()
        return list(orjson.loads(body))

    async def _tag(self, listing: Listing, body: bytes) -> bytes:
        if self._key is None:
            self._key = await self._secret()
        # JSON says itself where it ends, so no other listing and place give the same bytes.
        return blake2b(orjson.dumps(listing) + body, digest_size=TAG_BYTES, key=self._key).digest()


def bad_cursor() -> BadInput:
    """The one complaint about cursors."""
    return BadInput("cursor", "must be one that this listing gave")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(cursor: str) -> bytes:
    try:
        raw = base64.b64decode(cursor[:MAX_CHARACTERS] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise bad_cursor() from None
    if _encode(raw) != cursor:
        raise bad_cursor()
    return raw
