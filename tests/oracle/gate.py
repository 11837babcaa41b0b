"""Whether its sender may send a command, there: the contract's checks before any that needs what is stored."""

from collections.abc import Mapping
from typing import Any

from tests.oracle.intents import Intent, Logged

TALKER = {"threads:read", "messages:read", "messages:write"}
ROLES: Mapping[str, set[str]] = {
    "learner": TALKER,
    "guardian": TALKER | {"threads:write"},
    "teacher": TALKER | {"threads:write"},
    "admin": TALKER | {"threads:write", "threads:delete", "messages:moderate"},
    "compliance": {"threads:read", "messages:read", "privacy:export", "privacy:delete"},
    "service": set(),
}
NEEDED: Mapping[str, set[str]] = {
    "CreateThread": {"threads:write"},
    "UpdateThread": {"threads:write"},
    "DeleteThread": {"threads:delete"},
    "PostMessage": {"messages:write"},
    "EditMessage": {"messages:write"},
    "DeleteMessage": {"messages:write", "messages:moderate"},
    "MarkRead": {"messages:read"},
}
"""One of these each needs."""


def gate(one: Logged) -> str:
    """The code of the first check that fails, or nothing."""
    intent, claims = one.intent, one.intent.claims
    if claims is None:
        return "unauthenticated"
    if one.timestamp >= claims["exp"] * 1000:
        return "token_expired"
    if claims["tenant_id"] != intent.fields["tenant_id"]:
        return "wrong_tenant"
    if not intent.home or intent.key != "/".join(intent.learner).encode():
        return "key_mismatch"
    if claims["role"] not in {"admin", "compliance"} and not _in_scope(claims, intent):
        return "out_of_scope"
    return "" if _permitted(claims, intent) else "forbidden"


def user(intent: Intent) -> str:
    """Who sent it."""
    return str((intent.claims or {})["user_id"])


def moderates(intent: Intent) -> bool:
    """Whether its sender may delete anybody's message."""
    return "messages:moderate" in _permissions(intent.claims or {})


def _in_scope(claims: Mapping[str, Any], intent: Intent) -> bool:
    return not {"*", intent.fields["learner_id"]}.isdisjoint(claims["learner_scope"])


def _permissions(claims: Mapping[str, Any]) -> set[str]:
    return set(claims["permissions"]) if "permissions" in claims else ROLES[claims["role"]]


def _permitted(claims: Mapping[str, Any], intent: Intent) -> bool:
    system = intent.fields.get("message_type") == "system"
    needed = {"messages:moderate"} if system else NEEDED[intent.type]
    return not needed.isdisjoint(_permissions(claims))
