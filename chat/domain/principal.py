"""Who is asking: what a verified token says, in the domain's own words."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The roles a token may carry."""

    LEARNER = "learner"
    GUARDIAN = "guardian"
    TEACHER = "teacher"
    ADMIN = "admin"
    COMPLIANCE = "compliance"
    SERVICE = "service"


class Permission(StrEnum):
    """What a token may let one do."""

    THREADS_READ = "threads:read"
    THREADS_WRITE = "threads:write"
    THREADS_DELETE = "threads:delete"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    MESSAGES_MODERATE = "messages:moderate"
    PRIVACY_EXPORT = "privacy:export"
    PRIVACY_DELETE = "privacy:delete"


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller. `scope` is None where the token reaches every learner of its tenant."""

    user_id: str
    tenant_id: str
    role: Role
    permissions: frozenset[Permission]
    scope: frozenset[str] | None

    def reaches(self, learner_id: str) -> bool:
        """True where this caller may act for that learner (within its own tenant)."""
        return self.scope is None or learner_id in self.scope
