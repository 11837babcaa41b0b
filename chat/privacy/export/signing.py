"""The service's signing key, Ed25519: what was signed with it, anybody can check with its public half."""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chat.errors import SigningKeyUnfit

FILE_MODE = 0o600
OTHERS = 0o077


class SigningKey:
    """One key; `key_id` is the public key's RFC 7638 thumbprint."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key()
        self.key_id = key_id(self.public)

    @classmethod
    def load(cls, file: Path) -> Self:
        """The key of a PEM file (PKCS #8). Raises `SigningKeyUnfit` where it is none or others may read it."""
        try:
            if file.stat().st_mode & OTHERS:
                raise SigningKeyUnfit(f"SIGNING_KEY_FILE: others may read {file}: chmod 600 {file}")
            key = load_pem_private_key(file.read_bytes(), None)
        except OSError as error:
            raise SigningKeyUnfit(f"SIGNING_KEY_FILE: {file} cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SigningKeyUnfit(f"SIGNING_KEY_FILE: {file} holds no unencrypted private key in PEM") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyUnfit(f"SIGNING_KEY_FILE: {file} must hold an Ed25519 key")
        return cls(key)

    @staticmethod
    def make(file: Path) -> None:
        """Makes a key where there is no such file: never for production, where somebody has to keep it."""
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as open_file:
            open_file.write(pem)
            open_file.flush()
            os.fsync(descriptor)
        try:
            os.link(made, file)  # of two processes that start at once, one makes it
        except FileExistsError:
            return
        finally:
            made.unlink()

    def sign(self, content: bytes) -> bytes:
        """The signature of exactly these bytes, 64 bytes."""
        return self._key.sign(content)


def jwk(public: Ed25519PublicKey) -> dict[str, str]:
    """A public key as RFC 8037 writes it."""
    x = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(x), "use": "sig", "alg": "EdDSA", "kid": key_id(public)}


def key_id(public: Ed25519PublicKey) -> str:
    """The RFC 7638 thumbprint of a public key."""
    x = _base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return _base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
