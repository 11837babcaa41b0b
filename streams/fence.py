"""Where the lives of learners end and begin in the log: the service's `FenceLearner` records.

Two topics have no common order, and an owner keeps what it has loaded. So a privacy request puts a fence into the
command log. When the owner has come so far, all before it is done: it forgets what it knows of the learner, and looks
the life up anew. A life that ends had its key destroyed before the fence was sent, so whatever the owner has not done
by then it refuses `learner_erased`, and so does every later run. A life that begins is begun by the owner itself,
before it judges anything behind the fence: no run of the log can judge otherwise.

Only the fence of a life that ends is noted once it is passed. That of a life that begins says nothing of its end, which
may come while the trip with the fence is still under way.

A fence counts on two authorities: the service's seal, and the request in Cassandra that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from chat.domain.model import Life
from chat.domain.position import position
from chat.domain.privacy import Kind, Request, RequestKey
from chat.domain.verdicts import Code, Refused
from chat.privacy.subject import Subjects
from chat.storage.erasure_store import LifeStore
from chat.storage.privacy_store import RequestStore
from chat.storage.store import Store
from streams.memory import Memory
from streams.records import Fence, Identity, Refusal
from streams.waiting import Waiting
from streams.work import Work

_UNFOUNDED = Refused(Code.INVALID, "request_id: no privacy request asks for this")


@dataclass(frozen=True, slots=True)
class Fences:
    """The fences of one command topic in one epoch."""

    requests: RequestStore
    lives: LifeStore
    rows: Store
    subjects: Subjects
    waiting: Waiting
    epoch: int

    async def reach(self, memory: Memory, fences: Sequence[Fence], work: Work) -> list[Fence]:
        """Before a trip is judged: those fences that end a life. The learners of all that count are looked up anew."""
        return [one for one in fences if await self._ends(memory, one, work)]

    async def pass_by(self, fences: Sequence[Fence]) -> None:
        """After all of a trip is done: notes that everything before these fences is."""
        for one in fences:
            await self.waiting.until_served(partial(self._note, one))

    async def _ends(self, memory: Memory, one: Fence, work: Work) -> bool:
        """Whether a fence counts and ends a life; one that begins a life does so here."""
        request = await self.waiting.until_served(partial(self._request, one))
        if request is None:
            command = one.command
            identity = Identity(command.command_id, command.tenant_id, command.learner_id)
            work.turn_away(Refusal(one.record, type(command).__name__, identity, _UNFOUNDED))
            return False
        if request.kind is Kind.ENROLMENT:
            await self.waiting.until_served(partial(self._begin, one))
        memory.forget(one.life)
        self.rows.forget_life(one.life.learner)
        work.settled[type(one.command).__name__] += 1
        return request.kind is Kind.DELETION

    async def _request(self, one: Fence) -> Request | None:
        found = await self.requests.find(RequestKey(one.command.tenant_id, one.command.request_id))
        if found is None or found.kind is Kind.EXPORT or found.subject != self._subject(one):
            return None
        return found

    async def _begin(self, one: Fence) -> None:
        """Begins the life behind an ended one; where it was begun before, that one counts."""
        (kept,) = await self.lives.read([self._subject(one)])
        if kept is not None and kept.life == Life(one.life.generation - 1, alive=False, since=kept.life.since):
            await self.lives.begin(self._subject(one), Life(one.life.generation, since=self._position(one)), None)

    async def _note(self, one: Fence) -> None:
        await self.lives.fence(self._subject(one), one.life.generation, self._position(one))

    def _subject(self, one: Fence) -> bytes:
        return self.subjects.of(one.life.learner)

    def _position(self, one: Fence) -> int:
        return position(self.epoch, one.record.offset)
