"""Who is asking: what a verified token says, in the domain's own words."""

from dataclasses import dataclass
from enum import StrEnum

from chat.domain.described import Described


class Role(StrEnum):
    """The roles a token may carry."""

    LEARNER = "learner"
    GUARDIAN = "guardian"
    TEACHER = "teacher"
    ADMIN = "admin"
    COMPLIANCE = "compliance"
    SERVICE = "service"


class Permission(Described):
    """What a token may let one do."""

    THREADS_READ = "threads:read", "list and read threads"
    THREADS_WRITE = "threads:write", "create and update threads"
    THREADS_DELETE = "threads:delete", "delete threads"
    MESSAGES_READ = "messages:read", "read messages and mark them read"
    MESSAGES_WRITE = "messages:write", "post; edit and delete one's own messages"
    MESSAGES_MODERATE = "messages:moderate", "delete anybody's message; post `system` messages; see refusals"
    PRIVACY_EXPORT = "privacy:export", "export, and fetch the bundle"
    PRIVACY_DELETE = "privacy:delete", "erase, enrol"


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
