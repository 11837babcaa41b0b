"""A JWK Set (RFC 7517) as it is fetched: from a file or over HTTP, bounded in time and size, public keys only.

PyJWT reads the keys. It does not fetch them: its `PyJWKClient` blocks, follows redirects wherever they lead and reads
without a limit. aiohttp, which is here anyway, does none of the three.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError
from yarl import URL

from chat.errors import BadSetting, KeysUnavailable

MAX_BYTES = 262_144
CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
"""Of silence."""

FETCH_SECONDS = 5.0
"""For all of it, however slowly it trickles."""

Fetch = Callable[[], Awaitable[list[str]]]
"""The keys that are in the set now, each as `public_key` takes it. Raises `KeysUnavailable`."""

_PUBLIC = (RSAPublicKey, EllipticCurvePublicKey, Ed25519PublicKey)
_NO_KEY = (PyJWTError, UnsupportedAlgorithm, LookupError, NotImplementedError, TypeError, ValueError)
"""What PyJWT and cryptography raise for an entry that is no key, such as one without a member, or of `alg` none."""

_MEMBERS = ("alg", "crv", "e", "kid", "kty", "n", "use", "x", "y")
_ACCEPTED = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
_TIMEOUT = aiohttp.ClientTimeout(total=FETCH_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)


@lru_cache(maxsize=1_024)
def public_key(jwk: str) -> PyJWK:
    """One key, ready to check signatures with; the same object for the same text."""
    return PyJWK(json.loads(jwk))


def parse(raw: bytes) -> list[str]:
    """The signature keys of a set, each as JSON with its members in order and nothing that does not belong to the key.

    Raises `KeysUnavailable` where there are none, or where one is no public key.
    """
    found = [(entry, key) for entry in _entries(raw) if (key := _usable(entry))]
    if not found:
        raise KeysUnavailable("it must be a JWK Set with at least one usable key")
    if not all(isinstance(key.key, _PUBLIC) for _, key in found):
        raise KeysUnavailable("it must hold public keys only (RSA, EC or Ed25519)")
    return list(dict.fromkeys(_canonical(entry) for entry, _ in found))


def fetch_from(address: str) -> Fetch:
    """How the set at `address` is fetched. Raises `BadSetting` where it is no address, or a file that is no set."""
    if address.startswith(("http://", "https://")):
        url = _url(address)
        return lambda: _fetch_http(url)
    path = Path(address.removeprefix("file://"))
    try:
        _read(path)
    except KeysUnavailable as error:
        raise BadSetting(f"JWT_JWKS_URL: {error}") from error
    return lambda: asyncio.to_thread(_read, path)


def _entries(raw: bytes) -> list[dict[str, Any]]:
    try:
        entries = json.loads(raw)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise KeysUnavailable("it must be a JWK Set") from error
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def _usable(entry: dict[str, Any]) -> PyJWK | None:
    """The key of an entry; None where it is for something else, or not of a kind that is known here (RFC 7517 §5)."""
    if entry.get("use") not in (None, "sig") or not isinstance(entry.get("kid"), str | None):
        return None
    try:
        return PyJWK(entry)
    except _NO_KEY:
        return None


def _canonical(entry: dict[str, Any]) -> str:
    return json.dumps({name: entry[name] for name in _MEMBERS if name in entry})


def _url(address: str) -> URL:
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if not url.host:
        raise BadSetting("JWT_JWKS_URL: must be a file path or an http(s) address")
    return url


def _read(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return parse(_bounded(file.read(MAX_BYTES + 1)))
    except OSError as error:
        raise KeysUnavailable(f"the file cannot be read ({error.strerror})") from error


async def _fetch_http(url: URL) -> list[str]:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as session,
            session.get(url, headers=_ACCEPTED, allow_redirects=False) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise KeysUnavailable(f"the key server answers with status {response.status}")
            return parse(await _body(response))
    except (aiohttp.ClientError, TimeoutError) as error:
        # Its kind alone: the text may hold the address, and that a password.
        raise KeysUnavailable(f"the key server does not answer ({type(error).__name__})") from error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body = _bounded(body + chunk)
    return body


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise KeysUnavailable(f"it is larger than {MAX_BYTES} bytes")
    return body
