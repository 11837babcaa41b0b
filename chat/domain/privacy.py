"""A privacy request, as a value. Times are UTC milliseconds."""

from enum import StrEnum
from typing import Any, NamedTuple, Self


class Kind(StrEnum):
    """What is asked for."""

    EXPORT = "export"
    DELETION = "deletion"
    ENROLMENT = "enrolment"


class State(StrEnum):
    """How far a request has come. The last three are its end: of those it has exactly one."""

    REQUESTED = "requested"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    HELD = "held"


FINAL = frozenset({State.COMPLETED, State.FAILED, State.HELD})


class RequestKey(NamedTuple):
    """A request's name: `request_id` is unique in its tenant and stays taken."""

    tenant_id: str
    request_id: str


Headers = tuple[tuple[str, bytes], ...]
"""What of a command's headers goes on to all that it causes."""


class Request(NamedTuple):
    """A request as it is kept.

    `subject` is a keyed hash that stands for tenant and learner; `learner_id` and `headers` are kept until the
    request's end was announced, then they are empty. `position` (see `chat.domain.position`), `partition` and `offset`
    say where the command stands, `digest` what it said, `actor` who sent it. `step` is the last step of its job that
    is done ("" before the first), `notes` what the job keeps for itself from one save to the next, `receipt` what it
    left at its end. `reason_code` is the command's reason, or why the request waits, failed or is held. `updated_at`
    grows with every change.
    """

    key: RequestKey
    kind: Kind
    subject: bytes
    learner_id: str
    command_id: str
    reason: str
    reason_code: str
    actor: str
    position: int
    partition: int
    offset: int
    digest: bytes
    headers: Headers
    requested_at: int
    updated_at: int
    state: State = State.REQUESTED
    step: str = ""
    notes: str = ""
    receipt: str = ""

    @property
    def is_final(self) -> bool:
        """True once it has come to its end."""
        return self.state in FINAL

    def moved(self, now: int, **changes: Any) -> Self:
        """With these changes, made at `now` or, of two in one millisecond, right after the one before."""
        return self._replace(updated_at=max(now, self.updated_at + 1), **changes)
