"""What a token's claims must be. Every complaint names the rule and never repeats what the claim holds."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from chat.domain.authorise import TENANT_WIDE, principal
from chat.domain.identifiers import is_name
from chat.domain.principal import Permission, Principal, Role
from chat.errors import TokenInvalid
from chat.strict_json import read_strictly

_PERMISSIONS = frozenset(Permission)
_ROLES = frozenset(Role)


class Verified(NamedTuple):
    """What a good token says: who its bearer is, and when it counts, in seconds since 1970."""

    principal: Principal
    not_before: float | None
    expires_at: float


def strict_object(raw: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8, none of whose names stands twice. Raises `TokenInvalid`."""
    try:
        value = read_strictly(raw)
    except ValueError:
        # From none: the parser's text shows a piece of the token.
        raise TokenInvalid("the token's parts must be JSON with each name once") from None
    if not isinstance(value, dict):
        raise TokenInvalid("the token's parts must be JSON objects")
    return value


def read(claims: Mapping[str, Any], issuer: str, audience: str) -> Verified:
    """The caller that `claims` name; `issuer` and `audience` count where they are not empty. Raises `TokenInvalid`."""
    _issued_for_us(claims, issuer, audience)
    _moment_or_none(claims, "iat")
    role = _role(claims)
    caller = principal(
        _user(claims), _name(claims, "tenant_id"), role, _permissions(claims), _learner_scope(claims, role)
    )
    return Verified(caller, _moment_or_none(claims, "nbf"), _moment(claims, "exp"))


def _issued_for_us(claims: Mapping[str, Any], issuer: str, audience: str) -> None:
    iss, aud = claims.get("iss", ""), claims.get("aud", "")
    audiences = [aud] if isinstance(aud, str) else aud
    if not isinstance(iss, str) or (issuer and iss != issuer):
        raise TokenInvalid("the claim iss is not the one that is accepted here")
    if not _is_texts(audiences) or (audience and audience not in audiences):
        raise TokenInvalid("the claim aud does not hold the one that is accepted here")


def _user(claims: Mapping[str, Any]) -> str:
    if not isinstance(claims.get("sub", ""), str):
        raise TokenInvalid("the claim sub must be a string")
    return _name(claims, "user_id" if "user_id" in claims else "sub")


def _name(claims: Mapping[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not is_name(value):
        raise TokenInvalid(f"the claim {claim} must be an identifier")
    return value


def _role(claims: Mapping[str, Any]) -> Role:
    value = claims.get("role")
    if not isinstance(value, str) or value not in _ROLES:
        raise TokenInvalid("the claim role must be a known role")
    return Role(value)


def _learner_scope(claims: Mapping[str, Any], role: Role) -> list[str]:
    """Whom it does not bind need not have it."""
    value = claims.get("learner_scope", [] if role in TENANT_WIDE else None)
    if not _is_texts(value) or not all(one == "*" or is_name(one) for one in value):
        raise TokenInvalid("the claim learner_scope must be a list of identifiers, or of *")
    return list(value)


def _permissions(claims: Mapping[str, Any]) -> list[Permission] | None:
    """A permission that is not known here lets one do nothing here, so it is passed over."""
    if "permissions" not in claims:
        return None
    value = claims["permissions"]
    if not _is_texts(value):
        raise TokenInvalid("the claim permissions must be a list of strings")
    return [Permission(one) for one in value if one in _PERMISSIONS]


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _moment_or_none(claims: Mapping[str, Any], claim: str) -> float | None:
    return _moment(claims, claim) if claim in claims else None


def _moment(claims: Mapping[str, Any], claim: str) -> float:
    """Seconds since 1970. A bool, NaN and infinity are no numbers."""
    value = claims.get(claim)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise TokenInvalid(f"the claim {claim} must be a number of seconds")
