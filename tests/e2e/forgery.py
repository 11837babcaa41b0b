"""Tokens that must not get in, each one property away from one that does."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER, AUDIENCE = "https://issuer.example", "aivo-chat"
Sign = Callable[[bytes], bytes]


def segment(raw: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def joined(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, sign: Sign) -> str:
    """A token, made by hand: no library would make most of these."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, claims)]
    signed = ".".join(map(segment, parts))
    return f"{signed}.{segment(sign(signed.encode()))}"


def good_claims() -> dict[str, Any]:
    """What a token of a teacher of one learner says."""
    who = {"user_id": "teacher-1", "tenant_id": "tenant-1", "learner_scope": ["learner-1"], "role": "teacher"}
    return {**who, "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 3600}


def hs256(secret: str | bytes) -> Sign:
    """Signs with a shared secret."""
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda signed: hmac.digest(key, signed, sha256)


def unsigned(_signed: bytes) -> bytes:
    """No signature."""
    return b""


def bad_claims() -> dict[str, dict[str, Any] | bytes]:
    """Well signed, but they do not say what a token must."""
    good = good_claims()

    def without(name: str) -> dict[str, Any]:
        return {key: value for key, value in good.items() if key != name}

    return {
        "no exp": without("exp"),
        "exp a text": good | {"exp": str(good["exp"])},
        "exp infinite": json.dumps(good).replace(str(good["exp"]), "1e999").encode(),
        "not yet": good | {"nbf": int(time.time()) + 1800},
        "no role": without("role"),
        "unknown role": good | {"role": "root"},
        "role in capitals": good | {"role": "Teacher"},
        "role a list": good | {"role": ["teacher"]},
        "no tenant": without("tenant_id"),
        "tenant twice": json.dumps(good).replace("{", '{"tenant_id": "tenant-2", ', 1).encode(),
        "tenant with a slash": good | {"tenant_id": "tenant-1/learner-1"},
        "no user": without("user_id"),
        "user a number": good | {"user_id": 1},
        "scope a text": good | {"learner_scope": "*"},
        "scope a pattern": good | {"learner_scope": ["learner-*"]},
        "no scope": without("learner_scope"),
        "permissions a text": good | {"permissions": "messages:write threads:read"},
        "another issuer": good | {"iss": "https://attacker.example"},
        "no issuer": without("iss"),
        "another audience": good | {"aud": ["somebody-else"]},
        "no audience": without("aud"),
        "claims a list": json.dumps([good]).encode(),
        "900 kB long": good | {"padding": "x" * 675_000},
    }


def bad_headers(header: dict[str, Any]) -> dict[str, dict[str, Any] | bytes]:
    """Well signed, but their header chooses or brings what a token may not."""
    attacker = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "algorithm in small letters": header | {"alg": header["alg"].lower()},
        "another hash": header | {"alg": header["alg"][:2] + "512"},
        "algorithm twice": json.dumps(header).replace("{", '{"alg": "none", ', 1).encode(),
        "brings its key": header | {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": segment(attacker)}},
        "brings its keys' address": header | {"jku": "https://attacker.example/jwks.json"},
        "brings a certificate": header | {"x5c": ["MIIB"]},
        "unknown extension": header | {"crit": ["x"], "x": 1},
        "key id a list": header | {"kid": ["a"]},
        "compressed": header | {"zip": "DEF"},
    }


def bad_texts(good: str, other: str) -> dict[str, str]:
    """Not exactly a token of ours; `other` is another good one, with other claims."""
    head, claims, signature = good.split(".")
    return {
        "no signature": f"{head}.{claims}.",
        "two parts": f"{head}.{claims}",
        "five parts": f"{good}.e30.e30",
        "another's signature": f"{head}.{claims}.{other.split('.')[2]}",
        "another's claims": f"{head}.{other.split('.')[1]}.{signature}",
        "half a signature": f"{head}.{claims}.{signature[: len(signature) // 2]}",
        "padded": f"{good}=",
        "none, unsigned": joined({"alg": "none", "typ": "JWT"}, good_claims(), unsigned),
        "None, unsigned": joined({"alg": "None", "typ": "JWT"}, good_claims(), unsigned),
    }
