"""Privacy requests are run to their end: in order, by one worker at a time, over every death of a worker."""

import asyncio
from collections.abc import Callable

import pytest

from chat.domain.model import Learner, Life
from chat.domain.privacy import Kind, Request, State
from chat.errors import BrokerUnavailable, JobFailed, StorageUnavailable
from chat.metrics import WORKER
from chat.privacy.job import Save
from streams.runner import LATE_SECONDS, MAX_RUNNING
from tests.privacy_desk import LEASE_SECONDS, STEPS, Calls, Desk, NotingJob, PrivacyLog
from tests.records import uid
from tests.wait import until_async

ERASED = {Learner("tenant-1", "learner-1"): Life(alive=False)}
COMPLETED = "CHAT_PRIVACY_EXPORT_COMPLETED"
RECEIPT = "".join(f"{step};" for step in STEPS)
Hook = Callable[[Request, Save], object]


async def _desk(*numbers: int, hooks: dict[str, Hook] | None = None, record_type: str = "ExportLearnerData") -> Desk:
    """A desk with requests that are accepted and not begun, and one job."""
    kind = {"ExportLearnerData": Kind.EXPORT, "DeleteLearnerData": Kind.DELETION}.get(record_type, Kind.ENROLMENT)
    desk, log = Desk([NotingJob(kind, hooks=hooks or {})]), PrivacyLog()
    desk.lives = ERASED if kind is Kind.ENROLMENT else {}
    for number in numbers or (1,):
        log.ask(record_type, number)
    await desk.take(log.records)
    return desk


def _job(desk: Desk) -> NotingJob:
    (job,) = desk.jobs
    assert isinstance(job, NotingJob)
    return job


async def test_a_request_ends_with_its_receipt_its_event_and_its_audit() -> None:
    """Every step once, each with the notes of the one before it; then the learner's id is forgotten."""
    desk = await _desk()
    await desk.run()
    request = desk.request()
    notes = [notes for _, _, notes in _job(desk).done]
    assert notes == ["", "gather;", "gather;pack;", "gather;pack;sign;"]
    assert (request.state, request.step, request.receipt, request.notes) == (State.COMPLETED, "store", RECEIPT, "")
    assert (request.learner_id, request.reason_code) == ("", "other")
    assert desk.event_types() == ["CHAT_PRIVACY_EXPORT_REQUESTED", COMPLETED]
    assert desk.events()[1].fields["data"] == {
        "request_id": uid(4, 1),
        "state": "completed",
        "reason_code": "other",
    }
    keys = {one.key for one in desk.publisher.records("chat.events")}
    assert keys == {f"tenant-1/learner-1/privacy/{uid(4, 1)}".encode()}
    assert len(desk.publisher.topics) == 1
    assert desk.audit() == [("requested", "other", "officer-1"), ("completed", "other", "")]
    assert desk.failures == []


@pytest.mark.parametrize(("held", "state"), [(False, State.FAILED), (True, State.HELD)])
async def test_a_job_that_fails_ends_the_request(held: bool, state: State) -> None:  # noqa: FBT001 - pytest gives it
    """Its code is in event and audit, the steps behind it are never done, and the request is not tried again."""

    def fail(_request: Request, _save: Save) -> None:
        raise JobFailed("legal_hold", held=held)

    desk = await _desk(hooks={"sign": fail}, record_type="DeleteLearnerData")
    await desk.run()
    assert _job(desk).steps_of(1) == ["gather", "pack"]
    assert (desk.request().state, desk.request().reason_code) == (state, "legal_hold")
    assert desk.event_types()[1:] == ["CHAT_PRIVACY_DELETION_FAILED"]
    assert desk.events()[1].fields["data"]["reason_code"] == "legal_hold"
    assert desk.audit()[1:] == [(state.value, "legal_hold", "")]
    await desk.look_once(Calls())
    assert len(desk.events()) == 2


async def test_an_enrolment_that_cannot_be_done_refuses_its_command() -> None:
    """It has no event of failure: its command ends refused, at its own place in the log."""

    def fail(_request: Request, _save: Save) -> None:
        raise JobFailed("never_known")

    desk = await _desk(hooks={"pack": fail}, record_type="EnrolLearner")
    await desk.run()
    (refusal,) = desk.publisher.decoded("chat.rejections")
    assert (refusal.fields["code"], refusal.fields["topic"]) == ("invalid", "chat.privacy.commands")
    assert (refusal.fields["command_id"], refusal.fields["offset"]) == (uid(3, 1), 0)
    assert desk.events() == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageUnavailable("away"), "cassandra"),
        (BrokerUnavailable("away"), "kafka"),
        (ZeroDivisionError(), "internal"),
    ],
    ids=["cassandra-away", "kafka-away", "a-fault-of-the-job"],
)
async def test_what_is_no_end_waits_and_says_so(error: Exception, reason: str) -> None:
    """The request waits with its reason, holds up no other learner's, and goes on where it was when tried again."""
    errors = [error]

    def falter(_request: Request, _save: Save) -> None:
        if errors:
            raise errors.pop()

    desk = await _desk(hooks={"sign": falter})
    await desk.look_once(Calls())
    assert (desk.request().state, desk.request().reason_code) == (State.WAITING, reason)
    await desk.look_once(Calls())
    assert desk.request().state is State.WAITING, "its lease has not run out"
    desk.clock.now += LEASE_SECONDS
    await desk.run()
    assert _job(desk).steps_of(1) == list(STEPS)
    assert (desk.request().state, desk.request().reason_code) == (State.COMPLETED, "other")
    assert desk.failures == []


async def test_an_erasure_without_an_end_is_in_the_metrics_and_late_after_an_hour() -> None:
    """By kind, with its age; the metrics are at nothing again when it has ended."""
    away = [True]

    def falter(_request: Request, _save: Save) -> None:
        if away:
            raise StorageUnavailable("away")

    desk = await _desk(hooks={"sign": falter}, record_type="DeleteLearnerData")
    await desk.run(lambda: _metric("chat_privacy_late_erasures") == 1)
    assert _metric("chat_privacy_unfinished_requests", kind="deletion") == 1
    assert _metric("chat_privacy_oldest_unfinished_seconds", kind="deletion") > LATE_SECONDS
    assert _metric("chat_privacy_oldest_unfinished_seconds", kind="export") == 0
    away.clear()
    desk.clock.now += LEASE_SECONDS
    await desk.run(lambda: _metric("chat_privacy_unfinished_requests", kind="deletion") == 0)
    assert (_metric("chat_privacy_late_erasures"), desk.request().state) == (0, State.COMPLETED)


def _metric(name: str, **labels: str) -> float:
    value = WORKER.get_sample_value(name, labels)
    return float("nan") if value is None else value


async def test_those_that_wait_or_run_elsewhere_take_no_room() -> None:
    """However many of the oldest have to wait, or are another worker's, the next one is run."""
    many = MAX_RUNNING + 1
    desk, log = Desk(), PrivacyLog()

    def falter(request: Request, _save: Save) -> None:
        if request.learner_id != f"learner-{many}":
            raise StorageUnavailable("away")

    desk.jobs = [NotingJob(hooks={"gather": falter})]
    for number in range(1, many + 1):
        log.ask("ExportLearnerData", number, learner_id=f"learner-{number}")
    await desk.take(log.records)
    await desk.run(lambda: desk.request(many).is_final)
    assert {desk.request(number).state for number in range(1, many)} == {State.WAITING}
    assert desk.failures == []


async def test_notes_saved_within_a_step_are_found_when_it_begins_again() -> None:
    """A long step goes on where it was, not at its beginning."""
    found: list[str] = []

    async def pack(request: Request, save: Save) -> None:
        found.append(request.notes)
        if len(found) == 1:
            await save("page 7")
            raise StorageUnavailable("away")

    desk = await _desk(hooks={"pack": pack})
    await desk.look_once(Calls())
    desk.clock.now += LEASE_SECONDS
    await desk.run()
    assert found == ["gather;", "page 7"]
    assert _job(desk).steps_of(1) == list(STEPS)


async def test_one_export_at_a_time_a_learner() -> None:
    """A learner's second export is not begun before the first has ended, whichever worker looks."""
    running: list[str] = []

    async def alone(request: Request, _save: Save) -> None:
        running.append(request.key.request_id)
        await desk.look_once(Calls())  # another worker looks meanwhile
        assert running == [request.key.request_id]
        running.remove(request.key.request_id)

    desk = await _desk(1, 2, 3, hooks=dict.fromkeys(STEPS, alone))
    await desk.run()
    ended = [request_id for request_id, step, _ in _job(desk).done if step == "store"]
    assert ended == [uid(4, 1), uid(4, 2), uid(4, 3)]
    assert desk.event_types().count(COMPLETED) == 3


async def test_an_erasure_does_not_wait_for_an_export() -> None:
    """Both of one learner run side by side."""
    erased = asyncio.Event()

    async def until_erased(_request: Request, _save: Save) -> None:
        await asyncio.wait_for(erased.wait(), 5)

    desk, log = Desk(), PrivacyLog()
    desk.jobs = [
        NotingJob(Kind.EXPORT, hooks={"pack": until_erased}),
        NotingJob(Kind.DELETION, hooks={"store": lambda *_: erased.set()}),
    ]
    log.ask("ExportLearnerData", 1)
    log.ask("DeleteLearnerData", 2)
    await desk.take(log.records)
    await desk.run()
    assert {desk.request(1).state, desk.request(2).state} == {State.COMPLETED}


async def test_a_stolen_lease_stops_the_old_worker() -> None:
    """A worker that slept until another took its request over saves nothing more when it wakes, and fails nothing."""
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep_once(_request: Request, _save: Save) -> None:
        if not asleep.is_set():
            asleep.set()
            await awake.wait()

    desk = await _desk(hooks={"sign": sleep_once})
    sleeper = asyncio.create_task(desk.look_once(Calls()))
    await asleep.wait()
    desk.clock.now += LEASE_SECONDS
    await desk.look_once(Calls())
    ended = desk.request()
    awake.set()
    await sleeper
    assert ended.state is State.COMPLETED
    assert desk.request() == ended
    assert desk.event_types().count(COMPLETED) == 1
    assert desk.failures == []


async def test_a_lost_lease_cancels_the_step_under_way() -> None:
    """Where the lease cannot be renewed, the worker lets go of the job without waiting for its step."""
    cancelled = asyncio.Event()

    async def endless(_request: Request, _save: Save) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    desk = await _desk(hooks={"pack": endless})
    runner = desk.runner(Calls())
    runner.renewal_seconds = 0.01
    running = asyncio.create_task(runner.run())
    await until_async(lambda: _job(desk).steps_of(1) == ["gather"], 5)
    desk.kept.leases.clear()
    await asyncio.wait_for(cancelled.wait(), 5)
    running.cancel()
    await asyncio.wait({running})
    assert desk.request().step == "gather"
    assert desk.failures == []


CALLS = ["lease", "save", *["do", "save"] * len(STEPS), "note", "publish", "close"]


async def test_the_calls_of_a_run_are_these() -> None:
    """The list by which the deaths of workers are enumerated is the program's own."""
    calls = Calls()
    await (await _desk()).look_once(calls)
    assert calls.names == CALLS


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1), ids=[f"{name}-{at}" for at, name in enumerate(CALLS, 1)])
async def test_a_worker_that_dies_is_succeeded(at: int, before: bool) -> None:  # noqa: FBT001 - pytest gives it
    """Killed before or after any call, it has a successor that ends the request once, as if nobody had died."""
    whole, desk = await _desk(), await _desk()
    await whole.look_once(Calls())
    await desk.look_once(Calls(at, before))
    desk.clock.now += LEASE_SECONDS
    await desk.look_once(Calls())
    assert _timeless(desk.request()) == _timeless(whole.request())
    assert not desk.kept.open
    assert [one[:2] for one in desk.audit()] == [one[:2] for one in whole.audit()]
    ends = {one.fields["event_id"]: one for one in desk.events()}
    assert list(ends.values()) == whole.events()
    assert list(dict.fromkeys(_job(desk).steps_of(1))) == list(STEPS)
    assert len(_job(desk).steps_of(1)) <= len(STEPS) + 1, "at most the step that was not saved is done again"


def _timeless(request: Request) -> Request:
    return request._replace(updated_at=0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_runner_that_is_woken_as_it_is_told_to_leave_leaves(turns: int) -> None:
    """At whatever turn of the event loop."""
    desk = await _desk()
    runner = desk.runner(Calls())
    running = asyncio.create_task(runner.run())
    await until_async(lambda: not desk.kept.open, 5, "the end of what it found")
    runner.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    assert done
