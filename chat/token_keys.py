"""Where the keys come from that a token's signature is checked with: a shared secret, or a JWK Set that changes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from jwt import PyJWK

from chat.errors import BadSetting, KeysUnavailable, Transient
from chat.jwks import Fetch, fetch_from
from chat.keyring import Keyring, Keyrings, Sought
from chat.metrics import KEY_FETCHES
from chat.settings import SECRET_BYTES, Settings

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0
"""After a fetch that failed nobody tries again for so long."""

_log = structlog.get_logger()


Key = bytes | PyJWK
Opens = Callable[[Sequence[PyJWK]], bool]
"""Whether one of these keys opens a token."""


class KeySource(Protocol):
    """Keys by what a token's header says of them, and by when they must count, in ms since 1970.

    A key serves the one algorithm that it was made for.
    """

    def find(self, sought: Sought, at: int) -> Sequence[Key]:
        """The keys to check a signature with, as far as they are known. Whom one of them lets in, it always lets in."""
        ...

    def is_settled(self, at: int) -> bool:
        """Whether those are all that will ever count at that time. Only then may somebody be turned away."""
        ...

    async def settle(self, sought: Sought, at: int, opens: Opens) -> None:
        """Returns when a key that opens the token is known, or `at` is settled.

        Raises `KeysUnavailable` or `StorageUnavailable`; may be called again.
        """
        ...

    async def keep(self) -> None:
        """Keeps the keys fresh until it is cancelled."""
        ...


def hmac_key(secret: str) -> bytes:
    """A secret as PyJWT takes it, which refuses short ones, as settings do in production: zeros behind it make the same
    HMAC (RFC 2104 §2).
    """
    return secret.encode().ljust(SECRET_BYTES, b"\0")


class SecretKey:
    """`JWT_SECRET_KEY`: one secret for HS256, whatever key id a token names."""

    def __init__(self, secret: str) -> None:
        self._keys = {"HS256": [hmac_key(secret)]}

    def find(self, sought: Sought, _at: int) -> Sequence[bytes]:
        return self._keys.get(sought.algorithm, ())

    def is_settled(self, _at: int) -> bool:
        return True

    async def settle(self, _sought: Sought, _at: int, _opens: Opens) -> None:
        """There is nothing to wait for."""

    async def keep(self) -> None:
        await asyncio.Event().wait()


class JwksKeys:
    """`JWT_JWKS_URL`: fetched every minute, and in between for a token that no key opens which is known.

    A set that cannot be fetched changes nothing: what is known goes on to count.
    """

    def __init__(self, fetch: Fetch, keyrings: Keyrings) -> None:
        self._fetch = fetch
        self._keyrings = keyrings
        self._ring = Keyring()
        self._refreshing = asyncio.Lock()
        self._failed_at = float("-inf")

    def find(self, sought: Sought, at: int) -> Sequence[PyJWK]:
        return self._ring.fitting(sought, at)

    def is_settled(self, at: int) -> bool:
        return at <= self._ring.settled

    async def settle(self, sought: Sought, at: int, opens: Opens) -> None:
        await self._refresh(lambda ring: opens(ring.fitting(sought, at)), at)

    async def keep(self) -> None:
        while True:
            try:
                await self._refresh()
                pause = REFRESH_SECONDS
            except Transient as error:
                _log.warning("keys_not_fetched", reason=str(error))
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _refresh(self, fits: Callable[[Keyring], bool] | None = None, at: int = 0) -> None:
        async with self._refreshing:
            while not await self._refreshed(fits, at):
                pass

    async def _refreshed(self, fits: Callable[[Keyring], bool] | None, at: int) -> bool:
        """Learns what others know, and fetches where that does not tell; False where others fetched meanwhile."""
        self._ring = before = await self._keyrings.load()
        if fits and (at <= before.settled or fits(before)):
            return True
        now = await self._keyrings.now()
        after = before.fetched(await self._fetched(), now)
        if fits and not fits(after):
            after = after.cooled_down(max(now, at))
        if not await self._keyrings.swap(before, after):
            return False
        self._ring = after
        return True

    async def _fetched(self) -> list[str]:
        if time.monotonic() < self._failed_at + RETRY_SECONDS:
            raise KeysUnavailable("the key server failed a moment ago")
        try:
            keys = await self._fetch()
        except KeysUnavailable:
            self._failed_at = time.monotonic()
            KEY_FETCHES.labels("failed").inc()
            raise
        KEY_FETCHES.labels("done").inc()
        return keys


class OwnKeyring:
    """A ring of this process's own, by its clock: `seed` gives what it begins with, and nothing is written anywhere."""

    def __init__(self, seed: Callable[[], Awaitable[Keyring]] | None = None) -> None:
        self._seed = seed
        self._ring = Keyring()

    async def load(self) -> Keyring:
        if self._seed is not None:
            self._ring, self._seed = await self._seed(), None
        return self._ring

    async def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def swap(self, _before: Keyring, after: Keyring) -> bool:
        self._ring = after
        return True


def key_source(settings: Settings, keyrings: Keyrings | None = None) -> KeySource:
    """The keys that `settings` name; `keyrings` is where those of a JWK Set are kept.

    Raises `BadSetting` where they name none.
    """
    if settings.jwt_secret_key:
        return SecretKey(settings.jwt_secret_key)
    if settings.jwt_jwks_url:
        return JwksKeys(fetch_from(settings.jwt_jwks_url), keyrings or OwnKeyring())
    raise BadSetting("JWT_SECRET_KEY or JWT_JWKS_URL: one of them must be set")
