"""What a privacy command does: what is kept and the command in, verdict out. Pure, as `chat.domain.apply` is.

A request that is kept at this very position is this record's own: an earlier run accepted it. That request's command
at another position is a `duplicate`. So requests are kept, and of refusals those that depend on the learner's life, by
their line in the audit: read again, such a record must not be judged by another life.
"""

from typing import NamedTuple

from chat.domain.events import PRIVACY_EVENTS, event_id
from chat.domain.model import FIRST_LIFE, Life
from chat.domain.privacy import Headers, Kind, Request, RequestKey, State
from chat.domain.privacy_commands import PrivacyCommand
from chat.domain.verdicts import Code, Refused

_USED_BEFORE = Refused(Code.INVALID, "command_id: was used before with another body")
_TAKEN = Refused(Code.INVALID, "request_id: is taken in this tenant")
_ERASED = Refused(Code.LEARNER_ERASED, "the learner was erased")
_BY_LIFE = frozenset({Code.LEARNER_ERASED, Code.INVALID})
_FAILED = Refused(Code.INVALID, "request_id: is that of an enrolment that failed; ask again with another one")
_ALIVE = Refused(Code.INVALID, "learner_id: only an erased learner can be enrolled")


class Asked(NamedTuple):
    """Who asked, where and when: the command's place in the log, its broker time (ms), and what goes on from it."""

    subject: bytes
    actor: str
    position: int
    partition: int
    offset: int
    time: int
    digest: bytes
    headers: Headers = ()


class Kept(NamedTuple):
    """What is kept: the request of the command's `request_id`, that of its `command_id`, and the learner's life."""

    by_request_id: Request | None = None
    by_command_id: Request | None = None
    life: Life = FIRST_LIFE


class Accepted(NamedTuple):
    """A command that makes `request`, as it is before anything was done; `before` is what an earlier run of this very
    record made of it.
    """

    request: Request
    before: Request | None = None

    @property
    def is_begun(self) -> bool:
        """True once its job was begun. Then it was announced, too: only what was is queued, and found to be run."""
        return self.before is not None and self.before.state is not State.REQUESTED


def refused_before(code: str | None) -> Refused | None:
    """The verdict on a record that was refused with `code` in an earlier run, where a life may have decided that."""
    return Refused(Code(code), "was refused when it was first read") if code in _BY_LIFE else None


def judge(command: PrivacyCommand, kept: Kept, asked: Asked) -> Accepted | Refused:
    """The verdict on a command that may be sent (see `authorise`) and whose fields are valid (see `validate`)."""
    there = kept.by_request_id
    if there is not None and (there.subject, there.position) == (asked.subject, asked.position):
        return Accepted(_request(command, asked), there)
    return _misused(command, kept, asked) or _life(command, kept) or Accepted(_request(command, asked))


def _misused(command: PrivacyCommand, kept: Kept, asked: Asked) -> Refused | None:
    earlier, there = kept.by_command_id, kept.by_request_id
    if earlier is not None and earlier.digest != asked.digest:
        return _USED_BEFORE
    if there is None:
        return None
    if (there.subject, there.command_id) != (asked.subject, command.command_id):
        return _TAKEN
    return None if there.digest == asked.digest else _USED_BEFORE


def _life(command: PrivacyCommand, kept: Kept) -> Refused | None:
    """An erased learner may be enrolled and nothing else; what was asked before is a duplicate, as the order has it."""
    enrols = command.kind is Kind.ENROLMENT
    if not kept.life.alive and not enrols:
        return _ERASED
    if kept.by_request_id is not None:
        return _FAILED if enrols and kept.by_request_id.state is State.FAILED else _duplicate(command)
    return _ALIVE if kept.life.alive and enrols else None


def _duplicate(command: PrivacyCommand) -> Refused:
    state = State.COMPLETED if command.kind is Kind.ENROLMENT else State.REQUESTED
    event_type = PRIVACY_EVENTS[command.kind, state]
    first = event_id(command.tenant_id, command.learner_id, command.command_id, event_type)
    return Refused(Code.DUPLICATE, "this command was accepted before", first)


def _request(command: PrivacyCommand, asked: Asked) -> Request:
    return Request(
        key=RequestKey(command.tenant_id, command.request_id),
        kind=command.kind,
        subject=asked.subject,
        learner_id=command.learner_id,
        command_id=command.command_id,
        reason=command.reason,
        reason_code=command.reason,
        actor=asked.actor,
        position=asked.position,
        partition=asked.partition,
        offset=asked.offset,
        digest=asked.digest,
        headers=asked.headers,
        requested_at=asked.time,
        updated_at=asked.time,
    )
