"""Which commands wait for their outcome, and which verdict is whose."""

import threading
from collections import defaultdict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from chat.sdk.outcome import Outcome, Position, Verdict
from chat.sdk.record import Identity


@dataclass(slots=True, eq=False)
class Pending:
    """A command on its way: `placed` is done when Kafka has it, `outcome` when the service has said its word."""

    command_id: str | None
    identity: Identity | None
    placed: Future[Position] = field(default_factory=Future)
    outcome: Future[Outcome] = field(default_factory=Future)
    verdict: Verdict | None = None


class Ledger:
    """Matches verdicts with commands. Any thread may call any method.

    A verdict can be heard before Kafka's word of where its command lies: it is kept while commands are on their way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unplaced: set[Pending] = set()
        self._by_position: dict[Position, Pending] = {}
        self._by_identity: dict[Identity, deque[Pending]] = defaultdict(deque)
        self._early: dict[Position, Verdict] = {}

    def __len__(self) -> int:
        return len(self._unplaced) + len(self._by_position)

    def expect(self, pending: Pending) -> None:
        """Before the command is sent."""
        with self._lock:
            self._unplaced.add(pending)
            if pending.identity is not None:
                self._by_identity[pending.identity].append(pending)

    def place(self, pending: Pending, position: Position) -> None:
        """Kafka has the command."""
        with self._lock:
            pending.placed.set_result(position)
            self._by_position[position] = pending
            verdict = self._early.get(position, pending.verdict)
            self._arrived(pending)
            if verdict is not None:
                self._settle(pending, verdict)

    def fail(self, pending: Pending, error: Exception) -> None:
        """Kafka does not have the command."""
        with self._lock:
            self._arrived(pending)
            self._forget(pending)
            pending.placed.set_exception(error)
            pending.outcome.set_exception(error)

    def hear(self, verdict: Verdict) -> None:
        """Somebody's verdict, perhaps on one of ours."""
        with self._lock:
            pending = self._whose(verdict)
            if pending is not None:
                self._settle(pending, verdict)
            elif verdict.position is not None and self._unplaced:
                self._early[verdict.position] = verdict

    def give_up(self, error: Exception) -> None:
        """No verdict will be heard any more: says so to all whose command Kafka has."""
        with self._lock:
            for pending in list(self._by_position.values()):
                self._forget(pending)
                pending.outcome.set_exception(error)

    def _whose(self, verdict: Verdict) -> Pending | None:
        if verdict.position is not None:
            return self._by_position.get(verdict.position)
        waiting = self._by_identity.get(verdict.identity, ()) if verdict.identity is not None else ()
        # The same command sent twice: the first is applied, the second refused as its duplicate.
        return next((pending for pending in waiting if pending.verdict is None), None)

    def _settle(self, pending: Pending, verdict: Verdict) -> None:
        pending.verdict = verdict
        if pending.placed.done():
            self._forget(pending)
            pending.outcome.set_result(_outcome(pending, verdict))

    def _arrived(self, pending: Pending) -> None:
        self._unplaced.remove(pending)
        if not self._unplaced:
            self._early.clear()

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
