"""Tokens, beside PyJWT and a signature worked out here: none counts that we did not sign, letter by letter.

An input's first byte says what follows: a whole token, or a header and claims, a zero byte between them, which are
signed here, with the service's secret or with another, so that what is behind the signature is tried as well.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import jwt

from chat.errors import TokenExpired, TokenInvalid
from chat.settings import Settings
from chat.tokens import TokenVerifier, Verified
from fuzz.target import Reach

WATCHED: tuple[str, ...] = ("chat.tokens", "chat.token_claims", "chat.domain.identifiers")

AT = 1_768_473_000
SECRET = "a secret of the fuzzer, 32 bytes long at least"  # noqa: S105 - it opens nothing
AS_IT_IS, SIGNED, SIGNED_BY_ANOTHER = range(3)
CLAIMS = {"user_id": "u", "tenant_id": "t", "learner_scope": ["*"], "role": "teacher", "exp": AT + 60}
_VARIED: list[dict[str, Any]] = [
    {},
    {"nbf": AT, "iat": AT, "iss": "i", "aud": ["a"], "jti": "j"},
    {"permissions": ["messages:read", "x"], "role": "learner", "learner_scope": ["a", "b"]},
    {"sub": "u", "exp": 1.8e9},
]
_SIGNATURE_ONLY: Any = dict.fromkeys(map("verify_{}".format, ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")), False)
_HEADER = b'{"alg":"HS256","typ":"JWT","kid":"k"}'


def seeds() -> Iterable[bytes]:
    """Good tokens, and the parts of some."""
    for claims in _VARIED:
        yield bytes([AS_IT_IS]) + jwt.encode(CLAIMS | claims, SECRET, "HS256").encode()
        yield bytes([SIGNED]) + _HEADER + b"\0" + json.dumps(CLAIMS | claims).encode()


def one_input(data: bytes) -> Reach:
    """A token that somebody shows."""
    how, rest = (data[0] % 3, data[1:]) if data else (AS_IT_IS, b"")
    token = rest.decode("latin-1") if how == AS_IT_IS else _signed(rest, SECRET if how == SIGNED else SECRET[::-1])
    try:
        verified = _verifier().verify(token, AT)
    except TokenExpired:
        _assert_ours(token)
        return Reach.ACCEPTED
    except TokenInvalid as error:
        return Reach.TURNED_AWAY if "compact form" in str(error) or "JSON" in str(error) else Reach.PARSED
    _assert_ours(token)
    _assert_said(token, verified)
    return Reach.ACCEPTED


def _assert_ours(token: str) -> None:
    """It is the one text that the secret gives for this header and these claims."""
    signing_input, _, signature = token.rpartition(".")
    assert signature == _signature(signing_input, SECRET), "a signature that we did not write"


def _assert_said(token: str, verified: Verified) -> None:
    """PyJWT takes it too, and what was understood stands in the claims that it finds; the times are judged here."""
    claims = jwt.decode(token, SECRET, ["HS256"], options=_SIGNATURE_ONLY)
    caller = verified.principal
    assert (caller.tenant_id, caller.role) == (claims["tenant_id"], claims["role"])
    assert caller.user_id == claims.get("user_id", claims.get("sub"))
    assert caller.scope is None or caller.scope <= set(claims["learner_scope"])
    assert "permissions" not in claims or caller.permissions <= set(claims["permissions"])
    assert verified.expires_at == float(claims["exp"]) > AT
    assert "nbf" not in claims or verified.not_before == float(claims["nbf"]) <= AT


def _signed(parts: bytes, secret: str) -> str:
    header, _, claims = parts.partition(b"\0")
    signing_input = f"{_base64(header)}.{_base64(claims)}"
    return f"{signing_input}.{_signature(signing_input, secret)}"


def _signature(signing_input: str, secret: str) -> str:
    return _base64(hmac.digest(secret.encode(), signing_input.encode("latin-1"), hashlib.sha256))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _settings() -> Settings:
    return Settings(_env_file=None, jwt_secret_key=SECRET)  # type: ignore[call-arg]


@cache
def _verifier() -> TokenVerifier:
    return TokenVerifier(_settings())
