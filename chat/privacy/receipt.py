"""The receipt of an erasure: canonical JSON, signed, and chained to the tenant's receipt before it.

A receipt is `{"body": …, "key": …, "signature": …}`. `key` is the public key as RFC 8037 writes it, `signature` the
Ed25519 signature of the canonical bytes of `body`, in base64url. `body.previous` is the SHA-256 of the canonical bytes
of the whole receipt before it. Canonical is RFC 8785, for what is in here: texts, whole numbers, lists and objects with
names in ASCII.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat.errors import ReceiptForged

SECRET = "receipts"  # noqa: S105 - the name of a service secret
FIRST = "0" * 64
"""What stands before a tenant's first receipt."""


class ReceiptKey:
    """Signs receipts with an Ed25519 key, made of a service secret of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.jwk = _jwk(self._key.public_key())

    def sign(self, body: Mapping[str, Any]) -> str:
        """The receipt of that body, as it is kept."""
        signature = _base64url(self._key.sign(canonical(body)))
        return canonical({"body": body, "key": self.jwk, "signature": signature}).decode()


class Previous(NamedTuple):
    """What a receipt says of the one before it."""

    number: int
    digest: str


def digest(document: str) -> str:
    """What the next receipt holds of this one."""
    return hashlib.sha256(document.encode()).hexdigest()


def verify(document: str, public: Mapping[str, str]) -> dict[str, Any]:
    """The body of a receipt that was signed by the holder of that key (a JWK). Raises `ReceiptForged`."""
    try:
        receipt = json.loads(document)
        key = Ed25519PublicKey.from_public_bytes(_bytes(public["x"]))
        key.verify(_bytes(receipt["signature"]), canonical(receipt["body"]))
        body: dict[str, Any] = receipt["body"]
    except (InvalidSignature, ValueError, KeyError, TypeError) as error:
        raise ReceiptForged("the receipt was not signed with that key, or was changed since") from error
    return body


def verify_chain(documents: list[str], public: Mapping[str, str]) -> None:
    """Returns where these are all receipts of a tenant, in their order. Raises `ReceiptForged`."""
    before = Previous(0, FIRST)
    for document in documents:
        body = verify(document, public)
        if (body["number"], body["previous"]) != (before.number + 1, before.digest):
            raise ReceiptForged(f"receipt {body['number']} does not follow the one before it")
        before = Previous(body["number"], digest(document))


def canonical(value: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    x = _base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return {"alg": "EdDSA", "crv": "Ed25519", "kid": _base64url(thumbprint), "kty": "OKP", "use": "sig", "x": x}


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
