"""Where the keys come from that a token's signature is checked with: a shared secret, or the public keys of a JWKS."""

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWKSet, PyJWTError

from chat.errors import BadSetting
from chat.settings import Settings

_PUBLIC = (RSAPublicKey, EllipticCurvePublicKey, Ed25519PublicKey)


class KeySource(Protocol):
    """Keys by what a token's header says of them. A key serves the one algorithm that it was made for."""

    def key(self, algorithm: str, kid: str | None) -> bytes | PyJWK | None:
        """The key to check a signature with, or None where there is none."""
        ...


class SecretKey:
    """`JWT_SECRET_KEY`: one secret for HS256, whatever key id a token names."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def key(self, algorithm: str, _kid: str | None) -> bytes | None:
        return self._secret if algorithm == "HS256" else None


class JwksFile:
    """A JWK Set (RFC 7517) in a file, read once. Raises `BadSetting` where it is unusable or holds what is secret."""

    def __init__(self, path: Path) -> None:
        self._keys = [key for key in _load(path) if key.public_key_use in {None, "sig"}]
        if any(not isinstance(key.key, _PUBLIC) for key in self._keys):
            raise BadSetting("JWT_JWKS_URL: must hold public keys only (RSA, EC or Ed25519)")

    def key(self, algorithm: str, kid: str | None) -> PyJWK | None:
        fitting = [key for key in self._keys if key.algorithm_name == algorithm and kid in {None, key.key_id}]
        # A token without a key id is checked only where there is no choice.
        return fitting[0] if len(fitting) == 1 else None


def key_source(settings: Settings) -> KeySource:
    """The keys that `settings` name. Raises `BadSetting` where they name none."""
    if settings.jwt_secret_key:
        return SecretKey(settings.jwt_secret_key)
    address = settings.jwt_jwks_url
    if address.startswith(("http://", "https://")):
        raise BadSetting("JWT_JWKS_URL: must be a file; http addresses are not read yet")
    if address:
        return JwksFile(Path(address.removeprefix("file://")))
    raise BadSetting("JWT_SECRET_KEY or JWT_JWKS_URL: one of them must be set")


def _load(path: Path) -> list[PyJWK]:
    try:
        return PyJWKSet.from_json(path.read_text(encoding="utf-8")).keys
    except OSError as error:
        raise BadSetting(f"JWT_JWKS_URL: the file cannot be read ({error.strerror})") from error
    except (PyJWTError, ValueError, AttributeError) as error:
        raise BadSetting("JWT_JWKS_URL: must be a JWK Set with at least one usable key") from error
