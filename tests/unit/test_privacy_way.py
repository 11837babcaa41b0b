"""The way of a privacy command, from records to requests, events, refusals and audit, without a server."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from chat.domain.events import event_id
from chat.domain.model import Learner, Life
from chat.domain.privacy import Kind, Request, State
from chat.domain.privacy_commands import PRIVACY_TYPES
from chat.errors import StorageUnavailable
from chat.privacy.job import Save, registry
from streams.bootstrap import _disabled
from streams.lease import Lease
from tests.asleep import Machine, Replaced
from tests.privacy_desk import OFFICER, Calls, Desk, Killed, NotingJob, PrivacyLog
from tests.records import settings_for_tests, token, uid

LEARNER = Learner("tenant-1", "learner-1")
ERASED = {LEARNER: Life(alive=False)}


def _event(number: int, event_type: str) -> str:
    return event_id("tenant-1", "learner-1", uid(3, number), event_type)


@pytest.fixture
def log() -> PrivacyLog:
    return PrivacyLog()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("record_type", "kind", "reason"),
    [("ExportLearnerData", Kind.EXPORT, "access"), ("DeleteLearnerData", Kind.DELETION, "erasure")],
)
async def test_a_command_makes_a_request_and_is_announced(
    log: PrivacyLog, desk: Desk, record_type: str, kind: Kind, reason: str
) -> None:
    """The request is kept and listed, the event has the contract's key, id and data, and the audit its line."""
    sent = log.ask(record_type, reason=reason)
    await desk.take(log.records)
    request = desk.request()
    assert (request.kind, request.state, request.reason, request.actor) == (kind, State.REQUESTED, reason, "officer-1")
    event, event_type = desk.events()[0], f"CHAT_PRIVACY_{kind.upper()}_REQUESTED"
    assert event.type == event_type
    assert event.fields["event_id"] == _event(1, event_type)
    assert event.fields["data"] == {"request_id": uid(4, 1), "state": "requested", "reason_code": reason}
    assert event.fields["timestamp"] == sent.timestamp
    (partition,) = [place[1] for place in desk.publisher.topics]
    assert partition == sent.partition
    assert desk.publisher.records("chat.events")[0].key == f"tenant-1/learner-1/privacy/{uid(4, 1)}".encode()
    assert desk.audit() == [("requested", reason, "officer-1")]
    assert [one.key for one in await desk.kept.requests("tenant-1", request.subject, 9)] == [request.key]


async def test_an_enrolment_is_announced_when_it_is_done(log: PrivacyLog, desk: Desk) -> None:
    """It is accepted for an erased learner, and says nothing before its job has ended."""
    desk.lives, desk.jobs = ERASED, [NotingJob(Kind.ENROLMENT)]
    log.ask("EnrolLearner")
    await desk.take(log.records)
    assert desk.event_types() == []
    assert desk.refusals() == []
    await desk.run()
    assert desk.event_types() == ["CHAT_PRIVACY_LEARNER_ENROLLED"]
    assert desk.events()[0].fields["data"] == {"request_id": uid(4, 1), "state": "completed", "reason_code": ""}


@pytest.mark.parametrize(
    ("record_type", "lives", "code"),
    [
        ("DeleteLearnerData", (ERASED, {LEARNER: Life(2)}), "learner_erased"),
        ("ExportLearnerData", (ERASED, {LEARNER: Life(2)}), "learner_erased"),
        ("EnrolLearner", ({}, ERASED), "invalid"),
    ],
)
async def test_what_a_life_refused_stays_refused(
    log: PrivacyLog, desk: Desk, record_type: str, lives: Sequence[dict[Learner, Life]], code: str
) -> None:
    """Read again after the learner came to another life, it does nothing to that one."""
    log.ask(record_type)
    for desk.lives in lives:
        await desk.take(log.records)
    assert desk.refusals() == [(code, None)] * 2
    assert desk.kept.kept == {}


async def test_a_living_learner_cannot_be_enrolled(log: PrivacyLog, desk: Desk) -> None:
    """Nothing would begin: it is invalid."""
    log.ask("EnrolLearner")
    await desk.take(log.records)
    assert desk.refusals() == [("invalid", None)]


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_command_again_is_a_duplicate(log: PrivacyLog, desk: Desk, together: bool) -> None:  # noqa: FBT001 - pytest gives it
    """At a new offset it changes nothing and gets the first event's id, whatever became of the request meanwhile."""
    desk.jobs = [NotingJob()]
    log.ask("ExportLearnerData")
    if not together:
        await desk.take(log.records)
        await desk.run()
        before = desk.request()
        log.ask("ExportLearnerData")
        await desk.take(log.records[1:])
        assert desk.request() == before
    else:
        log.ask("ExportLearnerData")
        await desk.take(log.records)
    assert desk.refusals() == [("duplicate", _event(1, "CHAT_PRIVACY_EXPORT_REQUESTED"))]
    assert desk.event_types().count("CHAT_PRIVACY_EXPORT_REQUESTED") == 1


async def test_a_duplicate_enrolment_has_the_event_of_its_end(log: PrivacyLog, desk: Desk) -> None:
    """The learner lives by then, and the command sent again is still a duplicate and nothing worse."""
    desk.lives, desk.jobs = dict(ERASED), [NotingJob(Kind.ENROLMENT)]
    log.ask("EnrolLearner")
    await desk.take(log.records)
    await desk.run()
    desk.lives[LEARNER] = Life(2)
    log.ask("EnrolLearner")
    await desk.take(log.records[1:])
    assert desk.refusals() == [("duplicate", _event(1, "CHAT_PRIVACY_LEARNER_ENROLLED"))]


@pytest.mark.parametrize(
    "again",
    [
        {"command_id": uid(3, 1), "request_id": uid(4, 2)},
        {"command_id": uid(3, 1), "reason": "portability"},
        {"command_id": uid(3, 2)},
        {"command_id": uid(3, 1), "learner_id": "learner-2"},
    ],
    ids=["command-id-for-another-request", "command-id-for-another-reason", "taken-request-id", "of-another-learner"],
)
async def test_ids_that_are_taken_are_invalid(log: PrivacyLog, desk: Desk, again: dict[str, Any]) -> None:
    """A used command_id with another body, and a used request_id under another command or learner."""
    log.ask("ExportLearnerData", reason="access")
    log.ask("ExportLearnerData", **{"reason": "access", **again})
    await desk.take(log.records)
    assert desk.refusals() == [("invalid", None)]
    assert len(desk.kept.kept) == 1


async def test_another_tenant_has_its_own_request_ids(log: PrivacyLog, desk: Desk) -> None:
    """A request_id is unique in its tenant only."""
    log.ask("ExportLearnerData")
    log.ask("ExportLearnerData", bearer=token("tenant-2", role="compliance"), tenant_id="tenant-2")
    await desk.take(log.records)
    assert (len(desk.kept.kept), desk.refusals()) == (2, [])


async def test_a_refused_command_is_judged_anew(log: PrivacyLog, desk: Desk) -> None:
    """What was refused for a taken request_id may be sent again with the same command_id and another request_id."""
    log.ask("ExportLearnerData")
    log.ask("ExportLearnerData", 2, request_id=uid(4, 1))
    log.ask("ExportLearnerData", 2)
    await desk.take(log.records)
    assert desk.refusals() == [("invalid", None)]
    assert desk.request(2).command_id == uid(3, 2)


@pytest.mark.parametrize("record_type", ["ExportLearnerData", "DeleteLearnerData"])
async def test_an_erased_learner_has_nothing_left_to_ask_of(log: PrivacyLog, desk: Desk, record_type: str) -> None:
    """Export after erasure and a second erasure are refused, a duplicate of what came before it too."""
    log.ask(record_type)
    await desk.take(log.records)
    desk.lives = ERASED
    log.ask(record_type)
    log.ask(record_type, 2)
    await desk.take(log.records[1:])
    assert [code for code, _ in desk.refusals()] == ["learner_erased", "learner_erased"]


def _bad(log: PrivacyLog) -> None:
    """A record for each of the gate's codes, in the contract's order."""
    log.ask("ExportLearnerData", bearer="not a token")
    log.ask("ExportLearnerData", bearer=token(role="compliance", now=1_000_000, ttl=60))
    log.ask("ExportLearnerData", bearer=token("tenant-2", role="compliance"))
    home = log.records[-1]
    log.append(home.value, b"tenant-1/other", home.partition, (("authorization", f"Bearer {OFFICER}".encode()),))
    exports = ["privacy:export"]
    elsewhere = token(user="robot-1", role="service", permissions=exports, learners=["learner-9"])
    log.ask("ExportLearnerData", bearer=elsewhere)
    log.ask("DeleteLearnerData", bearer=token(user="robot-1", role="service", permissions=exports))
    log.ask("ExportLearnerData", request_id="a child's name")
    log.ask("ExportLearnerData", reason="curiosity")


GATE = ["unauthenticated", "token_expired", "wrong_tenant", "key_mismatch", "out_of_scope", "forbidden"]


async def test_each_bad_command_has_its_code_and_its_line_in_the_audit(log: PrivacyLog, desk: Desk) -> None:
    """Who tried what is noted, without a foreign tenant's user and without what was written where an id belongs."""
    _bad(log)
    await desk.take(log.records)
    codes = [*GATE, "invalid", "invalid"]
    assert [code for code, _ in desk.refusals()] == codes
    actors = ["", "", "", "officer-1", "robot-1", "robot-1", "officer-1", "officer-1"]
    assert desk.audit() == [("refused", code, actor) for code, actor in zip(codes, actors, strict=True)]
    assert {entry.request_id for entry in desk.kept.entries.values()} == {uid(4, 1), ""}
    assert not desk.kept.kept


async def test_what_is_not_done_here_is_disabled_before_it_is_invalid(log: PrivacyLog, desk: Desk) -> None:
    """After the permission, before the fields: whoever may not ask does not learn what is switched off."""
    desk.disabled = frozenset({"ExportLearnerData"})
    log.ask("ExportLearnerData", request_id="x")
    log.ask("ExportLearnerData", bearer=token(role="teacher"))
    log.ask("DeleteLearnerData", 2)
    await desk.take(log.records)
    assert [code for code, _ in desk.refusals()] == ["disabled", "forbidden"]
    assert desk.request(2).kind is Kind.DELETION


@pytest.mark.parametrize(
    ("enabled", "done"),
    [(True, {"ExportLearnerData"}), (False, set())],
    ids=["what-has-a-job", "nothing-at-all"],
)
def test_settings_and_jobs_say_what_is_done_here(enabled: bool, done: set[str]) -> None:  # noqa: FBT001 - pytest gives it
    """A kind without a job is never promised, and PRIVACY_ENABLED=false switches off those that have one."""
    disabled = _disabled(settings_for_tests(privacy_enabled=enabled), registry(NotingJob(Kind.EXPORT)))
    assert set(PRIVACY_TYPES) - disabled == done


async def test_what_is_no_privacy_command_ends_as_on_the_other_topic(log: PrivacyLog, desk: Desk) -> None:
    """A command about a thread is invalid here, bytes are a dead letter, and neither is in the audit."""
    log.send("MarkRead", token(), command_id=uid(3, 1), thread_id=uid(1, 1), seq=1)
    log.append(b"\x00junk", b"tenant-1/learner-1", 0)
    await desk.take(log.records)
    assert desk.refusals() == [("invalid", None)]
    assert len(desk.publisher.records("chat.dead-letter")) == 1
    assert desk.audit() == []


async def test_two_learners_at_once_for_one_request_id(log: PrivacyLog, desk: Desk) -> None:
    """Two owners that both saw the id free: one gets it, the other's command is invalid."""
    learners = {
        one.partition: one
        for one in (log.ask("ExportLearnerData", n, learner_id=f"l-{n}", request_id=uid(4, 1)) for n in range(1, 9))
    }
    first, second, *_ = learners.values()
    gate = asyncio.Barrier(2)
    find = desk.kept.find_command

    async def find_together(subject: bytes, command_id: str) -> Any:
        found = await find(subject, command_id)
        if not desk.kept.kept:
            await gate.wait()
        return found

    desk.kept.find_command = find_together  # type: ignore[method-assign]
    await asyncio.gather(desk.take([first]), desk.take([second]))
    assert len(desk.kept.kept) == 1
    assert desk.refusals() == [("invalid", None)]
    assert len(desk.events()) == 1


CALLS = ["noted", "find", "find_command", "accept", "enlist", "note", "publish", "queue"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1), ids=CALLS)
async def test_a_worker_that_dies_on_the_way_loses_and_doubles_nothing(
    log: PrivacyLog,
    at: int,
    before: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    """Killed before or after any of its writes: the record is read again, and all is as if it had not been."""
    log.ask("ExportLearnerData")
    whole, desk = Desk(), Desk()
    calls = Calls()
    await whole.take(log.records, calls)
    assert calls.names == CALLS
    with pytest.raises(Killed):
        await desk.take(log.records, Calls(at, before))
    await desk.take(log.records)
    assert (desk.kept.kept, desk.kept.open, desk.kept.entries) == (whole.kept.kept, whole.kept.open, whole.kept.entries)
    assert {one.fields["event_id"] for one in desk.events()} == {one.fields["event_id"] for one in whole.events()}
    assert desk.refusals() == []


async def test_a_group_that_is_set_back_says_no_beginning_behind_an_end(log: PrivacyLog, desk: Desk) -> None:
    """The events of a request have one key: what compaction leaves of them is its end."""
    desk.jobs = [NotingJob()]
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    await desk.run()
    await desk.take(log.records)
    assert desk.event_types() == ["CHAT_PRIVACY_EXPORT_REQUESTED", "CHAT_PRIVACY_EXPORT_COMPLETED"]


async def test_a_beginning_is_said_again_until_the_request_is_run(log: PrivacyLog, desk: Desk) -> None:
    """Whether it was said cannot be known before that; once the job is begun, it was."""
    desk.jobs = [NotingJob(hooks={"pack": _falter})]
    log.ask("ExportLearnerData")
    for _ in range(2):
        await desk.take(log.records)
    assert desk.event_types() == ["CHAT_PRIVACY_EXPORT_REQUESTED"] * 2
    await desk.look_once(Calls())
    await desk.take(log.records)
    assert desk.request().state is State.WAITING
    assert len(desk.events()) == 2


def _falter(_request: Request, _save: Save) -> None:
    raise StorageUnavailable("away")


async def test_a_group_that_is_set_back_changes_nothing_that_was_done(log: PrivacyLog, desk: Desk) -> None:
    """All records read again, after the request has ended: it stays ended, and nothing is run again."""
    desk.jobs = [job := NotingJob()]
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    await desk.run()
    before, steps = desk.request(), list(job.done)
    await desk.take(log.records)
    await desk.look_once(Calls())
    assert desk.request() == before
    assert job.done == steps
    assert not desk.kept.open
    assert desk.refusals() == []


async def test_who_has_a_successor_announces_nothing(
    log: PrivacyLog, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept with a request that it had accepted; its successor ran that to its end meanwhile."""
    desk.jobs = [NotingJob()]
    machine, asked, note = Machine(), log.ask("ExportLearnerData"), desk.kept.note

    async def sleep(entry: Any) -> None:
        monkeypatch.undo()
        await note(entry)
        await desk.take([asked])
        await desk.run()
        machine.now, machine.awake = 60.0, False

    monkeypatch.setattr(desk, "lease", lambda: Lease(machine.membership, lambda: machine.now))
    monkeypatch.setattr(desk.kept, "note", sleep)
    with pytest.raises(Replaced):
        await desk.take([asked])
    assert desk.event_types() == ["CHAT_PRIVACY_EXPORT_REQUESTED", "CHAT_PRIVACY_EXPORT_COMPLETED"]


@pytest.mark.parametrize("role", ["learner", "compliance"])
async def test_who_asks_for_themselves_leaves_no_id(log: PrivacyLog, desk: Desk, role: str) -> None:
    """The audit outlives its learner, whether what they asked for was theirs to ask for or not."""
    log.ask("DeleteLearnerData", bearer=token(user="learner-1", role=role, learners=["learner-1"]))
    await desk.take(log.records)
    assert [actor for _, _, actor in desk.audit()] == ["the learner"]
    assert {one.actor for one in desk.kept.kept.values()} <= {"the learner"}
