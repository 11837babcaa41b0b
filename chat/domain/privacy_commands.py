"""The commands of `chat.privacy.commands`, as the contract names them, and the limits of their fields."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from chat.domain.privacy import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyCommand:
    """What every privacy command has. `kind` is that of the request which it makes, `reasons` are those it may give."""

    kind: ClassVar[Kind]
    reasons: ClassVar[frozenset[str]]

    command_id: str
    tenant_id: str
    learner_id: str
    request_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLearnerData(PrivacyCommand):
    kind = Kind.EXPORT
    reasons = frozenset({"access", "portability", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLearnerData(PrivacyCommand):
    kind = Kind.DELETION
    reasons = frozenset({"erasure", "consent_withdrawn", "retention", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolLearner(PrivacyCommand):
    kind = Kind.ENROLMENT
    reasons = frozenset({""})


PRIVACY_TYPES: Mapping[str, type[PrivacyCommand]] = {
    cls.__name__: cls for cls in (ExportLearnerData, DeleteLearnerData, EnrolLearner)
}


def privacy_body(one: PrivacyCommand) -> tuple[Any, ...]:
    """Everything a producer said, in field order: two commands are the same exactly when these are equal."""
    return (type(one).__name__, *astuple(one))
