"""Who may do what for which learner: the contract's table as data, and one pure function over it."""

from collections.abc import Iterable, Mapping

from chat.domain.principal import Permission, Principal, Role
from chat.domain.verdicts import Code, Refused

_P = Permission

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.LEARNER: frozenset({_P.THREADS_READ, _P.MESSAGES_READ, _P.MESSAGES_WRITE}),
    Role.GUARDIAN: frozenset({_P.THREADS_READ, _P.THREADS_WRITE, _P.MESSAGES_READ, _P.MESSAGES_WRITE}),
    Role.TEACHER: frozenset({_P.THREADS_READ, _P.THREADS_WRITE, _P.MESSAGES_READ, _P.MESSAGES_WRITE}),
    Role.ADMIN: frozenset(
        {
            _P.THREADS_READ,
            _P.THREADS_WRITE,
            _P.THREADS_DELETE,
            _P.MESSAGES_READ,
            _P.MESSAGES_WRITE,
            _P.MESSAGES_MODERATE,
        }
    ),
    Role.COMPLIANCE: frozenset({_P.THREADS_READ, _P.MESSAGES_READ, _P.PRIVACY_EXPORT, _P.PRIVACY_DELETE}),
    Role.SERVICE: frozenset(),
}

TENANT_WIDE = frozenset({Role.ADMIN, Role.COMPLIANCE})
"""Roles that reach all of their tenant, whatever `learner_scope` says."""

COMMAND_PERMISSION: Mapping[str, Permission] = {
    "CreateThread": _P.THREADS_WRITE,
    "UpdateThread": _P.THREADS_WRITE,
    "DeleteThread": _P.THREADS_DELETE,
    "PostMessage": _P.MESSAGES_WRITE,
    "EditMessage": _P.MESSAGES_WRITE,
    "DeleteMessage": _P.MESSAGES_WRITE,
    "MarkRead": _P.MESSAGES_READ,
    "ExpireThread": _P.THREADS_DELETE,  # the service's own: no token is ever asked, see `streams.internal`
    "FenceLearner": _P.PRIVACY_DELETE,  # as above
    "ExportLearnerData": _P.PRIVACY_EXPORT,
    "DeleteLearnerData": _P.PRIVACY_DELETE,
    "EnrolLearner": _P.PRIVACY_DELETE,
}
"""What a command needs of its token. Whose message it is, is judged where the message is known."""


def principal(
    user_id: str, tenant_id: str, role: Role, permissions: Iterable[Permission] | None, scope: Iterable[str]
) -> Principal:
    """A caller from a token's claims; without the claim `permissions` its role's column counts."""
    granted = ROLE_PERMISSIONS[role] if permissions is None else frozenset(permissions)
    learners = frozenset(scope)
    everyone = role in TENANT_WIDE or "*" in learners
    return Principal(user_id, tenant_id, role, granted, None if everyone else learners)


def authorise(caller: Principal, record_type: str, learner_id: str, message_type: str | None = None) -> Refused | None:
    """None where the caller may send this command for this learner, else why not (scope before permission).

    The tenant, the key and the partition were checked before.
    """
    if not caller.reaches(learner_id):
        return Refused(Code.OUT_OF_SCOPE, "the token's learner_scope does not hold this learner")
    needed = _P.MESSAGES_MODERATE if message_type == "system" else COMMAND_PERMISSION[record_type]
    if not _may(caller, needed, record_type):
        return Refused(Code.FORBIDDEN, f"the token lacks the permission {needed}")
    return None


def _may(caller: Principal, needed: Permission, record_type: str) -> bool:
    if record_type == "DeleteMessage" and _P.MESSAGES_MODERATE in caller.permissions:
        return True
    return needed in caller.permissions
