"""Why a command is refused: the contract's codes, in the order of the checks."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The first check that fails gives the code; the order here is the order of the checks."""

    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, no secret
    WRONG_TENANT = "wrong_tenant"
    KEY_MISMATCH = "key_mismatch"
    OUT_OF_SCOPE = "out_of_scope"
    FORBIDDEN = "forbidden"
    DISABLED = "disabled"
    INVALID = "invalid"
    LEARNER_ERASED = "learner_erased"
    DUPLICATE = "duplicate"
    THREAD_EXISTS = "thread_exists"
    THREAD_NOT_FOUND = "thread_not_found"
    MESSAGE_EXISTS = "message_exists"
    MESSAGE_NOT_FOUND = "message_not_found"
    THREAD_FULL = "thread_full"
    MODERATED = "moderated"


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that will not be applied. `detail` is a sentence that never repeats input."""

    code: Code
    detail: str
    event_id: str | None = None
