"""A privacy request, as a value. Times are UTC milliseconds."""

from enum import StrEnum
from typing import NamedTuple


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


class Request(NamedTuple):
    """A request as it is kept.

    `subject` is a keyed hash that stands for tenant and learner; `learner_id` is kept until the request's end was
    announced, then it is empty. `step` is the last step of its job that is done ("" before the first), `notes` what
    the job keeps for itself from one save to the next, `receipt` what it left at its end. `reason` is the command's;
    `reason_code` says why it waits, failed or is held, else it is empty. `actor` is the user who asked; `position`
    (see `chat.domain.position`), `partition` and `offset` say where the command stands, `digest` what it said.
    """

    key: RequestKey
    kind: Kind
    subject: bytes
    learner_id: str
    command_id: str
    reason: str
    actor: str
    position: int
    partition: int
    offset: int
    digest: bytes
    requested_at: int
    updated_at: int
    state: State = State.REQUESTED
    step: str = ""
    notes: str = ""
    reason_code: str = ""
    receipt: str = ""

    @property
    def is_final(self) -> bool:
        """True once it has come to its end."""
        return self.state in FINAL
