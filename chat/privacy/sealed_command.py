"""Commands that their producer seals to the service's public key: nothing readable of them is ever in the log.

HPKE of RFC 9180, base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A sealed value is
`C5 01 ‖ key id (32 bytes) ‖ encapsulated key (32) ‖ ciphertext and tag`, of the value that would have gone plain, Avro
or JSON. HPKE's `info` binds it to topic and record key, so it opens in no other learner's name.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from chat.errors import BadInput, SealBroken
from chat.privacy.envelope import bound

MARK = b"\xc5\x01"
KEY_ID_BYTES = 32
PRIVATE_BYTES = 32
_HEAD = len(MARK) + KEY_ID_BYTES
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def is_sealed(value: bytes | None) -> bool:
    """Whether a record's value says that it is sealed."""
    return value is not None and value.startswith(MARK)


def key_id_of(value: bytes) -> bytes:
    """The id of the key that a sealed value names."""
    return value[len(MARK) : _HEAD]


class CommandKey:
    """The service's public key for commands; `key_id` is its RFC 7638 thumbprint, 32 bytes."""

    def __init__(self, public: X25519PublicKey) -> None:
        self._public = public
        self.key_id = hashlib.sha256(f'{{"crv":"X25519","kty":"OKP","x":"{self._x}"}}'.encode()).digest()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Of 32 bytes."""
        return cls(X25519PublicKey.from_public_bytes(raw))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Of a JWK (RFC 8037), or of the first in a JWK Set. Raises `BadInput`."""
        jwk = jwk["keys"][0] if jwk.get("keys") else jwk
        try:
            if (jwk["kty"], jwk["crv"]) != ("OKP", "X25519"):
                raise BadInput("command key", "must be a JWK of kty OKP and crv X25519")
            return cls.from_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise BadInput("command key", "must be a JWK with its x, as the service gives it out") from error

    @property
    def jwk(self) -> dict[str, str]:
        """As RFC 8037 writes it; `kid` is the key id."""
        return {"kty": "OKP", "crv": "X25519", "x": self._x, "use": "enc", "kid": _base64url(self.key_id)}

    @property
    def _x(self) -> str:
        return _base64url(self._public.public_bytes_raw())

    def seal(self, value: bytes, topic: str, key: bytes | None) -> bytes:
        """The record value to send in the place of `value`, to that topic, with that record key."""
        return MARK + self.key_id + _SUITE.encrypt(value, self._public, _info(topic, key))


def new_private_key() -> tuple[bytes, bytes]:
    """A private key that nobody has ever seen, and its public half; 32 bytes each."""
    key = X25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


class CommandOpener:
    """The private half of a `CommandKey`, 32 bytes."""

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)

    def open(self, value: bytes, topic: str, key: bytes | None) -> bytes:
        """What was sealed to this key. Raises `SealBroken`."""
        try:
            return _SUITE.decrypt(value[_HEAD:], self._private, _info(topic, key))
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the sealed command was changed, or sealed for another topic or record key") from error


def _info(topic: str, key: bytes | None) -> bytes:
    return bound("aivo-chat command", topic, (key or b"").hex()).encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
