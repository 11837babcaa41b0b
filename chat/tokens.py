"""Tokens: who a JWT says that its bearer is, judged alike for a command's record and for a request.

PyJWT checks the signature. Header and claims are read here, strictly: what two readers could read in two ways (names
that stand twice, keys that a token brings along) is refused.
"""

import base64
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar, TypeVarTuple

import jwt

from chat.errors import BadSetting, KeysUnavailable, TokenExpired, TokenInvalid
from chat.keyring import Keyrings, Sought
from chat.settings import Settings
from chat.token_claims import Verified, read, strict_object
from chat.token_keys import hmac_key, key_source

__all__ = ["TokenVerifier", "Verified", "make_token"]

MAX_TOKEN_BYTES = 32_768
"""Room for some 600 learners whose ids are UUIDs in `learner_scope`."""

REMEMBERED = 8_192
"""Tokens whose verdict is kept, good and bad ones, the latest used."""

LONG = 2_048
REMEMBERED_LONG = 512
"""Of tokens of more bytes than `LONG` fewer are kept: what a token grants takes as much memory as the token."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_NO_KEY = "the token is signed with a key that is not known here"
_WRONG_SIGNATURE = "the token's signature is wrong"
_NOT_OPENED = frozenset({_NO_KEY, _WRONG_SIGNATURE})
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
# A key or its address that the token brings along proves nothing; an extension that must be understood is not.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})


class TokenVerifier:
    """Judges tokens by `settings`; `keyrings` is where the keys of a JWK Set are kept, in memory by default.

    Raises `BadSetting` where the settings name no key.
    """

    def __init__(self, settings: Settings, keyrings: Keyrings | None = None) -> None:
        self._keys = key_source(settings, keyrings)
        self._algorithms = settings.algorithms
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._leeway = settings.jwt_leeway_seconds
        self._signatures = jwt.PyJWS(settings.algorithms, {"enforce_minimum_key_length": True})
        self._headers = _remembered(self._header)
        self._judged = _remembered(self._judge)

    def verify(self, token: str, at: float) -> Verified:
        """Who bears a token that counts `at` a time, in seconds since 1970: nbf - leeway ≤ `at` < exp + leeway.

        Raises `TokenInvalid` or `TokenExpired`, whose texts never hold anything of the token, and `KeysUnavailable`
        where only a fetch can tell whether there is such a key: see `settle`.
        """
        verdict: Verified | str = _NO_KEY
        for key in self._keys.find(self._sought(token), _milliseconds(at)):
            verdict = self._judged(token, key)
            if verdict != _WRONG_SIGNATURE:
                break
        if isinstance(verdict, str):
            if verdict in _NOT_OPENED and not self._keys.is_settled(_milliseconds(at)):
                raise KeysUnavailable("it is not known whether there is a key that opens the token")
            raise TokenInvalid(verdict)
        self._check_time(verdict, at)
        return verdict

    async def settle(self, token: str, at: float) -> None:
        """Returns when `verify` can tell. Raises `KeysUnavailable` or `StorageUnavailable`; may be called again."""
        await self._keys.settle(self._sought(token), _milliseconds(at), lambda keys: self._opens(token, keys))

    def _opens(self, token: str, keys: Iterable[bytes | jwt.PyJWK]) -> bool:
        return any(self._judged(token, key) != _WRONG_SIGNATURE for key in keys)

    async def keep(self) -> None:
        """Keeps the keys fresh until it is cancelled."""
        await self._keys.keep()

    def _check_time(self, verified: Verified, at: float) -> None:
        if verified.not_before is not None and at < verified.not_before - self._leeway:
            raise TokenInvalid("the token is not valid yet")
        if at >= verified.expires_at + self._leeway:
            raise TokenExpired("the token has expired")

    def _sought(self, token: str) -> Sought:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenInvalid(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
        sought = self._headers(token)
        if isinstance(sought, str):
            raise TokenInvalid(sought)
        return sought

    def _header(self, token: str) -> Sought | str:
        """What is remembered of a token's header: what it says of its key, or why the token does not count."""
        try:
            return self._read_header(token)
        except TokenInvalid as error:
            return str(error)

    def _judge(self, token: str, key: bytes | jwt.PyJWK) -> Verified | str:
        """What is remembered of a token and a key: its claims, or why it does not count."""
        try:
            return read(self._open(token, key), self._issuer, self._audience)
        except TokenInvalid as error:
            return str(error)

    def _open(self, token: str, key: bytes | jwt.PyJWK) -> dict[str, Any]:
        try:
            signed = self._signatures.decode_complete(token, key, self._algorithms)
        except jwt.PyJWTError:
            # From none: PyJWT's text may show a piece of the token.
            raise TokenInvalid(_WRONG_SIGNATURE) from None
        return strict_object(signed["payload"])

    def _read_header(self, token: str) -> Sought:
        if not _COMPACT.fullmatch(token):
            raise TokenInvalid("the token is no JWT in compact form")
        header = strict_object(_decode(token.partition(".")[0]))
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms:
            raise TokenInvalid("the token's algorithm is not accepted here")
        if _REFUSED_HEADERS & header.keys() or not isinstance(kid, str | None):
            raise TokenInvalid("the token's header holds what is not accepted here")
        return Sought(algorithm, kid)


def _remembered(judge: Callable[[str, *Ts], T]) -> Callable[[str, *Ts], T]:
    """`judge` of a token, asked once of each as long as it is remembered."""
    short, long = lru_cache(REMEMBERED)(judge), lru_cache(REMEMBERED_LONG)(judge)
    return lambda token, *more: (long if len(token) > LONG else short)(token, *more)


def make_token(
    settings: Settings,
    tenant: str,
    user: str,
    role: str,
    learners: Iterable[str],
    *,
    permissions: Iterable[str] | None = None,
    ttl: int = 3600,
    now: float | None = None,
    **claims: Any,
) -> str:
    """A token signed with `JWT_SECRET_KEY`, good for `ttl` seconds from `now` on; `claims` add to it or override it.

    Raises `BadSetting` where there is no such key.
    """
    if not settings.jwt_secret_key:
        raise BadSetting("JWT_SECRET_KEY: must be set to sign a token")
    issued = int(time.time() if now is None else now)
    payload = {"user_id": user, "tenant_id": tenant, "role": role, "learner_scope": list(learners)}
    if permissions is not None:
        payload["permissions"] = list(permissions)
    ours = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    times = {"iat": issued, "exp": issued + ttl}
    everything = payload | {name: value for name, value in ours.items() if value} | times | claims
    return jwt.encode(everything, hmac_key(settings.jwt_secret_key), algorithm="HS256")


def _milliseconds(at: float) -> int:
    return round(at * 1000)


def _decode(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise TokenInvalid("the token is no JWT in compact form") from None
