"""Privacy commands → requests that are kept, or refusals; each with its line in the audit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b

from chat.domain.identifiers import is_uuid
from chat.domain.model import Learner, Life
from chat.domain.position import position
from chat.domain.principal import Principal
from chat.domain.privacy import RequestKey
from chat.domain.privacy_commands import PRIVACY_TYPES, PrivacyCommand, privacy_body
from chat.domain.privacy_rules import Accepted, Asked, Kept, judge, refused_before
from chat.domain.verdicts import Refused
from chat.privacy.subject import Subjects, actor
from chat.storage.privacy_store import Entry, RequestStore
from streams.emit import continued
from streams.records import Decoded, Record, Refusal
from streams.waiting import Waiting

REFUSED = "refused"
"""What the audit says of a command that makes no request."""

LifeOf = Callable[[bytes], Awaitable[Life]]
"""The latest life of a subject. Raises `StorageUnavailable`."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Accepts requests from one topic in one epoch. `digest_key` is 32 secret bytes."""

    requests: RequestStore
    life_of: LifeOf
    waiting: Waiting
    subjects: Subjects
    digest_key: bytes
    epoch: int

    async def accept(self, command: PrivacyCommand, caller: Principal, record: Record) -> Accepted | Refused:
        """The verdict on a command; what is accepted is kept by then, and in its learner's list.

        One whose refusal was noted stays refused: its learner may have another life by now.
        """
        asked = self._asked(command, caller, record)
        if (refused := await self._refused_before(command, asked)) is not None:
            return refused
        verdict = await self._judge(command, asked)
        while isinstance(verdict, Accepted) and verdict.before is None and not await self._keep(verdict):
            # Another learner's request took the id meanwhile, which the next judgement sees.
            verdict = await self._judge(command, asked)
        if isinstance(verdict, Accepted):
            request = verdict.request
            await self.waiting.until_served(lambda: self.requests.enlist(request))
        return verdict

    async def note(self, decoded: Decoded, ended: Accepted | Refusal) -> None:
        """Writes the audit's line; none for a record that is no privacy command at all."""
        if decoded.type in PRIVACY_TYPES:
            entry = self._entry(decoded, ended)
            await self.waiting.until_served(lambda: self.requests.note(entry))

    async def _refused_before(self, command: PrivacyCommand, asked: Asked) -> Refused | None:
        cause = _cause(asked.partition, asked.position)
        line = Entry(command.kind, asked.subject, asked.time, "", "", REFUSED, "", cause)
        return refused_before(await self.waiting.until_served(lambda: self.requests.noted(line)))

    async def _judge(self, command: PrivacyCommand, asked: Asked) -> Accepted | Refused:
        return judge(command, await self.waiting.until_served(lambda: self._kept(command, asked)), asked)

    async def _keep(self, accepted: Accepted) -> bool:
        request = accepted.request
        kept = await self.waiting.until_served(lambda: self.requests.accept(request))
        return (kept.subject, kept.position) == (request.subject, request.position)

    async def _kept(self, command: PrivacyCommand, asked: Asked) -> Kept:
        return Kept(
            await self.requests.find(RequestKey(command.tenant_id, command.request_id)),
            await self.requests.find_command(asked.subject, command.command_id),
            await self.life_of(asked.subject),
        )

    def _asked(self, command: PrivacyCommand, caller: Principal, record: Record) -> Asked:
        subject = self.subjects.of(Learner(command.tenant_id, command.learner_id))
        return Asked(
            subject=subject,
            actor=self._actor(caller.user_id, command.tenant_id, subject),
            position=position(self.epoch, record.offset),
            partition=record.partition,
            offset=record.offset,
            time=record.timestamp,
            digest=blake2b(repr(privacy_body(command)).encode(), key=self.digest_key, digest_size=16).digest(),
            headers=tuple(continued(record)),
        )

    def _entry(self, decoded: Decoded, ended: Accepted | Refusal) -> Entry:
        record, identity = decoded.record, decoded.identity
        # A request_id that is none may be anything, a name too.
        request_id = getattr(decoded.command, "request_id", "")
        subject = self.subjects.of(Learner(identity.tenant_id, identity.learner_id))
        who, action, code = _said(ended)
        return Entry(
            kind=PRIVACY_TYPES[decoded.type].kind,
            subject=subject,
            at=record.timestamp,
            request_id=request_id if is_uuid(request_id) else "",
            actor=self._actor(who, identity.tenant_id, subject),
            action=action,
            code=code,
            cause=_cause(record.partition, position(self.epoch, record.offset)),
        )

    def _actor(self, user_id: str, tenant_id: str, subject: bytes) -> str:
        return actor(user_id, self.subjects.of(Learner(tenant_id, user_id)), subject)


def _cause(partition: int, at: int) -> str:
    return f"{partition}/{at}"


def _said(ended: Accepted | Refusal) -> tuple[str, str, str]:
    """Who did it, what came of it, and why."""
    if isinstance(ended, Refusal):
        return ended.actor, REFUSED, ended.refused.code.value
    return ended.request.actor, ended.request.state.value, ended.request.reason_code
