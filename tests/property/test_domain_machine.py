"""The whole domain as one machine: people write, lives end and begin, owners die and read again, in any order."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import schemas
from chat.domain import message_rules
from chat.domain.commands import PostMessage
from chat.domain.model import LearnerId, Message, Status, ThreadKey
from chat.domain.verdict import At
from streams.emit import Emitter
from tests.drawn import COMMANDS, PEOPLE, One, begun, send
from tests.dying import dying
from tests.erasing_service import ERASED, Service, no_pauses
from tests.privacy_desk import LEASE_SECONDS, Calls

FEW = settings(
    deadline=None,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.reuse, Phase.generate],
    max_examples=40,
    stateful_step_count=25,
)
MANY = settings(FEW, max_examples=3_000, stateful_step_count=60)
"""How long a step takes says more of the machine than of the code; pytest's own limit ends one that hangs."""

CONTENT = ("CHAT_MESSAGE_CREATED", "CHAT_MESSAGE_UPDATED")
Seen = dict[tuple[ThreadKey, str], int]


class Domain(RuleBasedStateMachine):
    """What holds after every step is an invariant; what holds once the owner has taken all is asked where it has."""

    def __init__(self) -> None:
        super().__init__()
        self._pauses = no_pauses()
        self._pauses.__enter__()
        self._loop = asyncio.Runner()
        self.service = Service(log=begun())
        self.number = 200
        self.seqs: Seen = {}
        self.husks: set[tuple[ThreadKey, int]] = set()

    def teardown(self) -> None:
        """Ends the loop, after a last look at all; where that finds something too."""
        try:
            self.all_is_taken()
        finally:
            self._loop.close()
            self._pauses.__exit__(None, None, None)

    @initialize()
    def threads_are_there(self) -> None:
        """Each of PEOPLE has one."""
        self._do(self.service.pump())

    @rule(commands=st.lists(st.tuples(COMMANDS, st.sampled_from(PEOPLE)), min_size=1, max_size=8))
    def somebody_writes(self, commands: list[tuple[One, tuple[str, str]]]) -> None:
        """Posts, edits, deletions, marks, threads; new ones, and again under a used id. Words say whose they are."""
        for drawn, whose in commands:
            self.number += 1
            record_type, _, *others, body, role = drawn
            send(self.service.log, self.number, (record_type, whose, *others, f"{body} of {'/'.join(whose)}", role))  # type: ignore[arg-type]

    @rule()
    def all_is_taken(self) -> None:
        """The owner comes to the log's end; then the events say what the tables say, once compacted."""
        self._do(self.service.pump())
        assert self._said() == self._stored()

    @rule(life=st.integers(1, 12))
    def the_owner_dies(self, life: int) -> None:
        """After any write; the next one begins where the last had committed."""
        with dying(self.service.world, life):
            self._do(self.service.pump())
        self.service.restart()

    @rule(back=st.integers(0, 60))
    def the_log_is_read_again(self, back: int) -> None:
        """From any offset: it changes no row and leaves the compacted events as they were."""
        self.all_is_taken()
        rows, events = self._rows(), self._compacted()
        self.service.restart(back)
        self._do(self.service.pump())
        assert self._rows() == rows
        assert self._compacted() == events

    @rule(what=st.sampled_from(["DeleteLearnerData", "EnrolLearner", "ExportLearnerData"]))
    def privacy_is_asked_for(self, what: str) -> None:
        """Erasure, a new life or an export of one learner; it may be refused."""
        self.number += 1
        self._do(self.service.ask(what, self.number))

    @rule(at=st.integers(1, 30))
    def the_runner_dies(self, at: int) -> None:
        """At any of its calls; what it had taken on is free again once its lease is over."""
        self._do(self.service.beside(self.service.desk.look_once(Calls(at=at))))
        self.service.desk.clock.now += LEASE_SECONDS + 1

    @rule()
    def requests_are_run(self) -> None:
        """All to their end: of an ended life nothing is left, and nothing is heard."""
        self._do(self.service.run_requests())
        self.all_is_taken()
        assert self.service.desk.failures == []
        if not self.service.life(ERASED).alive:
            assert self.service.loud(ERASED) == set()
            assert self._rows_of_ended_lives() == []

    @invariant()
    def seqs_have_no_gap(self) -> None:
        """A living thread's messages are numbered 1 to its last seq; what a dead owner left behind that is not seen."""
        store = self.service.world.store
        for key, last_seq in self._living_threads().items():
            seqs = {seq for thread, seq in store.messages if thread == key and seq <= last_seq}
            assert seqs == set(range(1, last_seq + 1))

    @invariant()
    def a_seq_is_kept(self) -> None:
        """A message has its seq for good, no other message of its thread has it, and a husk stays one."""
        living, messages = self._living_threads(), self.service.world.store.messages
        now = {key: one.value for key, one in self.service.world.store.seqs.items() if key[0] in living}
        assert {key: now.get(key) for key in self.seqs if key[0] in living} == self._of(living, self.seqs)
        assert len({(thread, seq) for (thread, _), seq in now.items()}) == len(now)
        self.seqs |= now
        husks = {key for key, one in messages.items() if key[0] in living and one.value.deleted_at is not None}
        assert {one for one in self.husks if one[0] in living} <= husks
        assert {messages[one].value.content for one in husks} <= {None}
        self.husks |= husks

    @invariant()
    def nothing_crosses(self) -> None:
        """No word is in a row of another learner, or in an event under another's key."""
        for (thread, _), one in self.service.world.store.messages.items():
            assert (one.value.content or "").endswith(_mark(thread.learner)) or one.value.content is None
        for record in self.service.world.publisher.records("chat.events"):
            whose = "/".join((record.key or b"").decode().split("/")[:2])
            others = {"/".join(person) for person in PEOPLE} - {whose}
            assert not any(f" of {other}".encode() in (record.value or b"") for other in others)

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        self._loop.run(work)

    def _living_threads(self) -> dict[ThreadKey, int]:
        """Those of lives that go on, and their last seq."""
        threads = self.service.world.store.threads.items()
        live = {key: one.value.last_seq for key, one in threads if one.value.status is Status.LIVE}
        return {key: last_seq for key, last_seq in live.items() if self._goes_on(key.learner)}

    def _goes_on(self, learner: LearnerId) -> bool:
        life = self.service.life(learner.learner)
        return life.alive and learner.generation == life.generation

    @staticmethod
    def _of(living: dict[ThreadKey, int], seen: Seen) -> Seen:
        return {key: seq for key, seq in seen.items() if key[0] in living}

    def _stored(self) -> dict[str, str | None]:
        """The content of each message of a living thread, None where it was deleted, by the key of its events."""
        living, found = self._living_threads(), {}
        for (thread, seq), one in self.service.world.store.messages.items():
            if seq <= living.get(thread, 0):
                found[f"{_mark(thread.learner)}/{thread.thread_id}/{one.value.message_id}"] = one.value.content
        return found

    def _said(self) -> dict[str, str | None]:
        """The same, as the compacted events of learners whose life goes on have it."""
        found = {}
        for key, record in self._compacted().items():
            tenant, learner, thread_id, *_ = key.split("/")
            data = record.fields["data"]
            ended = not self.service.life(ERASED._replace(tenant_id=tenant, learner_id=learner)).alive
            if record.type.startswith("CHAT_MESSAGE_") and not ended:
                content = data["content"] if record.type in CONTENT else None
                found[f"{tenant}/{learner}/{thread_id}/{data['message_id']}"] = content
        return found

    def _compacted(self) -> dict[str, schemas.Record]:
        last = {(one.key or b"").decode(): one.value for one in self.service.world.publisher.records("chat.events")}
        return {key: schemas.decode(value) for key, value in last.items() if value is not None}

    def _rows(self) -> list[dict[Any, Any]]:
        names = ("messages", "commands", "threads", "seqs", "listed", "owners", "marks")
        return [dict(getattr(self.service.world.store, name)) for name in names]

    def _rows_of_ended_lives(self) -> list[ThreadKey]:
        store = self.service.world.store
        threads = [*store.threads, *store.listed, *(thread for thread, _ in (*store.messages, *store.seqs))]
        return [one for one in threads if not self._goes_on(one.learner)]


def _mark(learner: LearnerId) -> str:
    return f"{learner.tenant_id}/{learner.learner_id}"


def test_whatever_happens_in_whatever_order() -> None:
    """Nothing is lost, doubled, out of order, left behind or seen by others, after any step."""
    run_state_machine_as_test(Domain, settings=FEW)


def _skips(command: PostMessage, content: str, seq: int, at: At, new: Any = message_rules._new_message) -> Message:
    made: Message = new(command, content, seq + (seq > 1), at)
    return made


def _keeps(message: Message, at: At) -> Message:
    return message._replace(deleted_at=at.time)


async def _says_nothing(*_: Any) -> None:
    """Where Kafka tombstones should be."""


BREAKAGE = {
    "a number is left out": (message_rules, "_new_message", _skips),
    "a husk keeps its words": (message_rules, "_husk", _keeps),
    "a deleted thread leaves its words on the events": (Emitter, "tombstone", _says_nothing),
}


@pytest.mark.parametrize("breakage", BREAKAGE)
def test_what_is_broken_is_found(breakage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stops soon where one rule of the house does not hold."""
    monkeypatch.setattr(*BREAKAGE[breakage])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Domain, settings=settings(FEW, database=None, derandomize=True, max_examples=1_000))


@pytest.mark.soak
def test_whatever_happens_for_a_long_time() -> None:
    """The same, with many more and longer runs."""
    run_state_machine_as_test(Domain, settings=MANY)
