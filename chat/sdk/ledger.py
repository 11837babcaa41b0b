"""Which commands wait for their outcome, and which verdict is whose."""

import threading
from collections import defaultdict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from chat.broker import Place
from chat.sdk.outcome import Outcome, Position, Verdict
from chat.sdk.record import Identity


@dataclass(slots=True, eq=False)
class Pending:
    """A command on its way to a partition: `placed` is done when Kafka has it, since `time` (milliseconds); `outcome`
    when the service has said its word.
    """

    command_id: str | None
    identity: Identity | None
    to: Place
    placed: Future[Position] = field(default_factory=Future)
    outcome: Future[Outcome] = field(default_factory=Future)
    time: int | None = None


class Ledger:
    """Matches verdicts with commands. Any thread may call any method.

    A verdict can be heard before Kafka's word of where its command lies: it is kept while commands are on their way to
    its partition, and where it is of a record before the latest of them, it is nobody's.

    An event does not say where its command lies. Of equal commands one at most is applied, and the others' refusals do
    say: so an event waits until one is left of those that Kafka took when it took the event's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unplaced: defaultdict[Place, set[Pending]] = defaultdict(set)
        self._by_position: dict[Position, Pending] = {}
        self._by_identity: dict[Identity, deque[Pending]] = defaultdict(deque)
        self._early: dict[Place, dict[int, Verdict]] = {}
        self._events: dict[Identity, list[Verdict]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._unplaced.values())) + len(self._by_position)

    def expect(self, pending: Pending) -> None:
        """Before the command is sent."""
        with self._lock:
            self._unplaced[pending.to].add(pending)
            if pending.identity is not None:
                self._by_identity[pending.identity].append(pending)

    def place(self, pending: Pending, position: Position, time: int | None = None) -> None:
        """Kafka has the command, since `time` (milliseconds)."""
        with self._lock:
            pending.time = time
            pending.placed.set_result(position)
            self._by_position[position] = pending
            verdict = self._take_early(pending.to, position.offset)
            self._arrived(pending)
            if verdict is not None:
                self._settle(pending, verdict)
            self._match(pending.identity)

    def fail(self, pending: Pending, error: Exception) -> None:
        """Kafka does not have the command."""
        with self._lock:
            self._arrived(pending)
            self._forget(pending)
            pending.placed.set_exception(error)
            pending.outcome.set_exception(error)
            self._match(pending.identity)

    def hear(self, verdict: Verdict) -> None:
        """Somebody's verdict, perhaps on one of ours."""
        with self._lock:
            if verdict.position is None:
                self._hear_event(verdict)
            elif (pending := self._by_position.get(verdict.position)) is not None:
                self._settle(pending, verdict)
                self._match(pending.identity)
            elif (to := Place(*verdict.position[:2])) in self._unplaced:
                self._early.setdefault(to, {})[verdict.position.offset] = verdict

    def give_up(self, error: Exception) -> None:
        """No verdict will be heard any more: says so to all whose command Kafka has."""
        with self._lock:
            self._events.clear()
            for pending in list(self._by_position.values()):
                self._forget(pending)
                pending.outcome.set_exception(error)

    def _hear_event(self, verdict: Verdict) -> None:
        if verdict.identity in self._by_identity:
            self._events[verdict.identity].append(verdict)
            self._match(verdict.identity)

    def _match(self, identity: Identity | None) -> None:
        """Gives each event to whom alone it can belong, and lets go of those that are nobody's."""
        if identity not in self._events:
            return
        waiting = self._by_identity.get(identity, ())
        for verdict in self._events.pop(identity):
            fitting = [one for one in waiting if None in {one.time, verdict.time} or one.time == verdict.time]
            if len(fitting) == 1 and fitting[0].placed.done():
                self._settle(fitting[0], verdict)
            elif fitting:
                self._events[identity].append(verdict)

    def _settle(self, pending: Pending, verdict: Verdict) -> None:
        self._forget(pending)
        pending.outcome.set_result(_outcome(pending, verdict))

    def _take_early(self, to: Place, offset: int) -> Verdict | None:
        """The verdict on what lies there. Kafka takes a partition's records in order, so those before are nobody's."""
        early = self._early.pop(to, {})
        self._early[to] = {at: one for at, one in early.items() if at > offset}
        return early.get(offset)

    def _arrived(self, pending: Pending) -> None:
        self._unplaced[pending.to].remove(pending)
        if not self._unplaced[pending.to]:
            del self._unplaced[pending.to]
            self._early.pop(pending.to, None)

    def _forget(self, pending: Pending) -> None:
        if pending.placed.done():
            del self._by_position[pending.placed.result()]
        if pending.identity is not None:
            waiting = self._by_identity[pending.identity]
            waiting.remove(pending)
            if not waiting:
                del self._by_identity[pending.identity]


def _outcome(pending: Pending, verdict: Verdict) -> Outcome:
    position = pending.placed.result()
    return Outcome(
        pending.command_id, verdict.outcome, verdict.code, verdict.event_id, *position, detail=verdict.detail
    )
