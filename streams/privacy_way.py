"""The way of a privacy command: open → decode → authorise → accept → emit. It is run later: `streams.runner`.

1. The request, by a lightweight transaction: the commit point. A record that is read again finds its own.
   A worker asks first whether it is a member of its group still, as it does before it says anything: its successor may
   have begun the request by then, and even ended it.
2. Its place in its learner's list and its line of the audit, so that every read shows it.
3. Its event, unless its job was begun by then, and its end may be said already; refusals and dead letters.
4. Its place among the unfinished: only now can it be run, so its end is announced after its beginning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chat.domain.events import privacy_event
from chat.domain.privacy import Request
from chat.domain.privacy_commands import PRIVACY_TYPES, PrivacyCommand
from chat.domain.privacy_rules import Accepted
from chat.domain.verdicts import Refused
from chat.metrics import PRIVACY_REQUESTS
from streams.account import account
from streams.authorise import Gate
from streams.decode import decode
from streams.emit import Emitter
from streams.intake import Intake
from streams.lane import until_known
from streams.lease import Lease
from streams.memory import Memory
from streams.opening import Opening
from streams.records import DeadLetter, Decoded, Opened, Record, Refusal
from streams.waiting import Waiting
from streams.work import Work

_TYPES = {one.kind: name for name, one in PRIVACY_TYPES.items()}


@dataclass(frozen=True, slots=True)
class PrivacyWay:
    """Takes a trip's records one after the other: they are few. `wake` is called when there is something to run."""

    gate: Gate
    intake: Intake
    emitter: Emitter
    waiting: Waiting
    wake: Callable[[], None]
    opening: Opening
    lease: Lease

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:  # noqa: ARG002 - nothing is kept in memory
        work, accepted = Work(), []
        await self.waiting.until_served(self.lease.confirm)
        for record, value in zip(records, await self.opening.open(records), strict=True):
            one = await self._take(record, value)
            if isinstance(one, Accepted):
                accepted.append(one)
                _announce(one, record, work)
                work.applied[_TYPES[one.request.kind]] += 1
            elif isinstance(one, Refusal):
                work.turn_away(one)
            else:
                work.dead_letters.append(one)
        await self.waiting.until_served(self.lease.confirm)
        await self.emitter.say(work)
        await self._queue(accepted)
        account(records, work)

    async def _take(self, record: Record, value: Opened) -> Accepted | Refusal | DeadLetter:
        decoded = decode(record, value, PRIVACY_TYPES)
        if isinstance(decoded, DeadLetter):
            return self.gate.seal.require_foreign(decoded)
        ended = await self._judge(decoded)
        await self.intake.note(decoded, ended)
        return ended

    async def _judge(self, decoded: Decoded) -> Accepted | Refusal:
        record = decoded.record
        checked = await until_known(lambda: self.gate.check(decoded), self.gate, record, self.waiting)
        if isinstance(checked, Refusal):
            return checked
        assert isinstance(decoded.command, PrivacyCommand)  # noqa: S101 - decoded as one, and the gate lets none through without
        verdict = await self.intake.accept(decoded.command, checked, record)
        if isinstance(verdict, Refused):
            return Refusal(record, decoded.type, decoded.identity, verdict, checked.user_id)
        return verdict

    async def _queue(self, accepted: Sequence[Accepted]) -> None:
        for request, before in accepted:
            if before is None:
                PRIVACY_REQUESTS.labels(request.kind, request.state).inc()
            if before is None or not before.is_final:
                await self._queue_one(request)
        if accepted:
            self.wake()

    async def _queue_one(self, request: Request) -> None:
        await self.waiting.until_served(lambda: self.intake.requests.queue(request))


def _announce(accepted: Accepted, record: Record, work: Work) -> None:
    """Notes the event of a request's beginning, which must not become the last one of its key, behind its end."""
    event = privacy_event(accepted.request)
    if event is not None and not accepted.is_begun:
        work.events.append((record, event))
