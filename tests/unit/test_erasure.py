"""An erasure over memory: what it removes, what it leaves, and that no death of a worker changes what comes of it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from unittest.mock import patch

import pytest

from chat.domain.model import LearnerId, Message, ThreadKey
from chat.domain.position import position
from chat.domain.privacy import State
from chat.privacy.export.download import Download
from chat.privacy.export.store import bundle_id
from chat.privacy.receipt import verify
from chat.storage import learner_keys
from chat.storage.writes import MessageWrite
from streams.erasure import STEPS, Enrolment, Erasure
from tests.bundles import LocalWrap, lines, members, unjudged
from tests.erasing_service import CONTROL, ERASED, KEY, LIFE, Service, no_pauses, served
from tests.privacy_desk import LEASE_SECONDS, Calls
from tests.records import SUBJECTS, uid
from tests.wait import until_async


@pytest.fixture(autouse=True)
def _hasty() -> Iterator[None]:
    with no_pauses():
        yield


async def test_nothing_is_left_of_the_erased_and_all_of_the_other() -> None:
    """No row, no loud key, no owner of a thread id, which stays taken."""
    service = await served()
    before, loud = service.copy(CONTROL), service.loud(CONTROL)
    assert service.left()
    assert service.loud(ERASED)
    await service.erase()
    assert (service.left(), service.loud(ERASED)) == ([], set())
    assert (service.copy(CONTROL), service.loud(CONTROL)) == (before, loud)
    assert set(service.world.store.owners) == {("tenant-1", uid(1, one)) for one in (100, 110, 200, 210)}
    assert service.desk.event_types()[-1] == "CHAT_PRIVACY_DELETION_COMPLETED"


async def test_the_command_log_is_trimmed_up_to_the_fence() -> None:
    """Of the learner's own partition, and no further than where its owner has passed."""
    service = await served()
    await service.erase()
    fence = service.log.records[-1]  # written last of all
    assert service.trimmed == [(fence.partition, position(1, fence.offset))]


async def test_what_an_owner_says_and_writes_late_is_swept() -> None:
    """Words behind the tombstones, and rows of a thread that no list knows: the second sweep finds both."""
    service = await served()
    stray = ThreadKey(LIFE, uid(1, 999))
    rows = service.desk.jobs[0].rows  # type: ignore[attr-defined]
    purge = rows.purge_learner

    async def woken(learner: LearnerId) -> None:
        await purge(learner)
        rows.purge_learner = purge
        late = Message(uid(2, 999), stray.thread_id, 1, "u", "late", "text", None, "{}", 1, 1)
        await service.world.store.write_messages([MessageWrite(stray, late, 5)], [])
        key = f"tenant-1/learner-1/{stray.thread_id}/{uid(2, 999)}".encode()
        said = service.world.publisher.records("chat.events")[0]._replace(key=key)
        await service.world.publisher.publish("chat.events", _partition(service), [said])

    rows.purge_learner = woken
    await service.erase()
    assert (service.left(), service.loud(ERASED)) == ([], set())
    assert rows.purge_learner == purge


def _partition(service: Service) -> int:
    return service.desk.request(1).partition


async def test_late_and_replayed_commands_are_refused() -> None:
    """Behind the erasure, and the whole log read again from its beginning by a fresh owner."""
    service = await served()
    await service.erase()
    service.log.send("CreateThread", command_id=uid(3, 500), thread_id=uid(1, 500), title="late")
    await service.pump()
    assert service.world.codes() == ["learner_erased"]
    await service.world.go(service.log.records)
    assert set(service.world.codes()) == {"learner_erased"}
    assert (service.left(), service.loud(ERASED)) == ([], set())


async def test_an_enrolment_begins_a_life_that_knows_nothing() -> None:
    """Thread ids stay taken, message and command ids are free; the erased stays erased when all is read again."""
    service = await served()
    await service.erase()
    await service.ask("EnrolLearner", 2)
    await service.beside(service.desk.run())
    assert json.loads(service.desk.request(2).receipt) == {"generation": 2}
    for number in (100, 600):
        service.log.send("CreateThread", command_id=uid(3, number), thread_id=uid(1, number), title="new")
    await service.pump()
    assert service.world.codes() == ["thread_exists"]
    await service.world.go(service.log.records)
    assert service.left() == []
    assert service.loud(ERASED) == {f"tenant-1/learner-1/{uid(1, 600)}"}


async def test_a_second_enrolment_fails() -> None:
    """Both were accepted while the learner was erased; the second finds it alive, and its command is refused."""
    service = await served()
    await service.erase()
    await service.ask("EnrolLearner", 2)
    await service.ask("EnrolLearner", 3)
    await service.beside(service.desk.run())
    assert [service.desk.request(one).state for one in (2, 3)] == [State.COMPLETED, State.FAILED]
    assert service.desk.request(3).reason_code == "not_erased"
    refusals = len(service.desk.refusals())
    await service.ask("EnrolLearner", 3)
    await service.erase(4)
    await service.ask("EnrolLearner", 3)
    assert service.desk.refusals()[refusals:] == [("invalid", None)] * 2


async def test_a_second_erasure_fails_and_does_nothing() -> None:
    """Both were accepted before the first was run: there is one receipt."""
    service = await served()
    await service.ask("DeleteLearnerData", 1)
    await service.ask("DeleteLearnerData", 2)
    await service.beside(service.desk.run())
    assert [service.desk.request(one).state for one in (1, 2)] == [State.COMPLETED, State.FAILED]
    assert service.desk.request(2).reason_code == "learner_erased"
    assert len(service.chain.links["tenant-1"]) == 1


async def test_the_bundles_of_the_erased_go_and_of_the_other_stay() -> None:
    """Whatever they were asked for, and those that were begun; the other's opens as before."""
    service = await served()
    for number, learner in ((2, ERASED), (3, CONTROL), (4, ERASED)):
        await service.export(number, learner)
    half = bundle_id("tenant-1", uid(4, 4))
    for name in [one for bundle, one in service.bundles.objects if bundle == half and one != "key"][2:]:
        del service.bundles.objects[half, name]
    await service.erase()
    assert {bundle for bundle, _ in service.bundles.objects} == {bundle_id("tenant-1", uid(4, 3))}
    download = await Download.open(service.bundles, LocalWrap(), "tenant-1", uid(4, 3))
    files = members(b"".join([piece async for piece in download.stream(unjudged)]))
    assert [one["content"] for one in lines(files, "messages")] == ["word-200"]
    assert verify(service.desk.request(1).receipt, KEY.jwk)["counts"]["bundles"] == 2


async def test_an_export_under_way_ends_with_its_life() -> None:
    """It goes on behind the erasure, in the worker that had it or in another: failed, said, and nothing is kept."""
    service = await served()
    await service.ask("ExportLearnerData", 2)
    put, erased = service.bundles.put, asyncio.Event()

    async def held(bundle: str, name: str, content: bytes) -> bool:
        if name.startswith("messages/"):
            await erased.wait()
        return await put(bundle, name, content)

    with patch.object(service.bundles, "put", held):
        exporting = asyncio.create_task(service.desk.run(lambda: erased.is_set() and not service.desk.kept.open))
        await until_async(lambda: len(service.bundles.objects) > 1, 5, "an export under way")
        await service.ask("DeleteLearnerData", 1)
        await service.beside(until_async(lambda: service.desk.request(1).is_final, 5, "the erasure's end"))
        assert service.bundles.objects == {}
        erased.set()
        await exporting
    assert service.bundles.objects == {}
    assert (service.desk.request(2).state, service.desk.request(2).reason_code) == (State.FAILED, "learner_erased")
    assert service.desk.event_types()[-1] == "CHAT_PRIVACY_EXPORT_FAILED"


async def test_a_held_learner_is_left_alone() -> None:
    """The request ends `held`, with its event and its line of the audit; released, another one is done."""
    service = await served()
    before = service.copy(ERASED)
    await service.holds.hold(SUBJECTS.of(ERASED), "court_order", 1)
    await service.erase()
    assert (service.desk.request(1).state, service.desk.request(1).reason_code) == (State.HELD, "legal_hold")
    assert service.desk.audit()[-1][:2] == ("held", "legal_hold")
    assert service.copy(ERASED) == before
    await service.holds.release(SUBJECTS.of(ERASED))
    await service.erase(2)
    assert service.left() == []


async def test_a_hold_between_check_and_destroy_is_in_time() -> None:
    """A worker dies behind the check, the hold comes: nothing is destroyed."""
    service = await served()
    before = service.copy(ERASED)
    await _die_behind(service, "check")
    await service.holds.hold(SUBJECTS.of(ERASED), "court_order", 1)
    await service.beside(service.desk.run())
    assert (service.desk.request(1).state, service.desk.request(1).reason_code) == (State.HELD, "legal_hold")
    assert (service.life(ERASED).alive, service.copy(ERASED)) == (True, before)


async def test_a_hold_behind_destroy_is_too_late() -> None:
    """Also where the destroyed key was not saved as a step: an erasure is never left half done."""
    service = await served()
    await _die_behind(service, "check")
    await service.world.lives.end(SUBJECTS.of(ERASED), 1)
    await service.holds.hold(SUBJECTS.of(ERASED), "court_order", 1)
    await service.beside(service.desk.run())
    assert (service.desk.request(1).state, service.left()) == (State.COMPLETED, [])


async def test_once_it_is_decided_a_hold_is_told_that_it_is_too_late() -> None:
    """And not said to be kept, while the key is about to be destroyed."""
    service, told = await served(), list[bool]()
    end = service.world.lives.end

    async def hold_and_end(subject: bytes, generation: int) -> None:
        told.append(await service.holds.hold(subject, "court_order", generation))
        await end(subject, generation)

    with patch.object(service.world.lives, "end", hold_and_end):
        await service.erase()
    assert told == [False]
    assert await service.holds.hold_on(SUBJECTS.of(ERASED)) is None
    assert (service.desk.request(1).state, service.left()) == (State.COMPLETED, [])


async def _die_behind(service: Service, step: str) -> None:
    """The worker that is asked for an erasure dies once a step is saved, and its lease runs out."""
    await service.ask("DeleteLearnerData", 1)
    for at in count(1):
        await service.beside(service.desk.look_once(Calls(at)))
        service.desk.clock.now += LEASE_SECONDS + 1
        if service.desk.request(1).step == step:
            return


async def test_without_an_owner_it_waits() -> None:
    """Nothing is removed before the fence was passed."""
    service = await served()
    _make_impatient(service)
    before = service.copy(ERASED)
    await service.ask("DeleteLearnerData", 1)
    await service.desk.look_once(Calls())
    request = service.desk.request(1)
    assert (request.state, request.reason_code, request.step) == (State.WAITING, "kafka", "fence")
    assert service.copy(ERASED) == before


@pytest.mark.parametrize("record_type", ["DeleteLearnerData", "EnrolLearner"])
async def test_a_lost_fence_is_sent_again(record_type: str) -> None:
    """By who has waited for its owner in vain: the request does not wait for ever."""
    service = await served()
    if record_type == "EnrolLearner":
        await service.erase()
    _make_impatient(service)
    await service.ask(record_type, 2)
    await service.desk.look_once(Calls())
    sent = service.world.publisher.topics["chat.commands", service.desk.request(2).partition]
    assert service.desk.request(2).state is State.WAITING
    del sent[service._fences]  # as a log that was made anew, or cut short, has lost it
    await asyncio.wait_for(service.run_requests(), 10)
    assert service.desk.request(2).state is State.COMPLETED
    assert (service.left(), service.loud(ERASED)) == ([], set())


def _make_impatient(service: Service) -> None:
    """Its jobs soon give up waiting for an owner."""
    service.desk.jobs = [
        replace(one, patience=0.01) if isinstance(one, Erasure | Enrolment) else one for one in service.desk.jobs
    ]


async def test_events_that_were_made_anew_are_swept_from_their_beginning() -> None:
    """Where the topic has lost the place of the check, whatever it holds may be a woken owner's."""
    service = await served()
    rows, topics = service.desk.jobs[0].rows, service.world.publisher.topics  # type: ignore[attr-defined]
    purge = rows.purge_learner

    async def lost(learner: LearnerId) -> None:
        await purge(learner)
        rows.purge_learner = purge
        place = "chat.events", _partition(service)
        topics[place] = [one for one in topics[place] if (one.key or b"").endswith(uid(2, 100).encode())][:1]

    rows.purge_learner = lost
    assert f"tenant-1/learner-1/{uid(1, 100)}/{uid(2, 100)}" in service.loud(ERASED)
    await service.erase()
    assert service.loud(ERASED) == set()


def _deaths() -> list[tuple[int, bool]]:
    async def whole() -> int:
        service, calls = await served(), Calls()
        await service.ask("DeleteLearnerData", 1)
        await service.beside(service.desk.look_once(calls))
        assert calls.names.count("do") == len(STEPS)
        return len(calls.names)

    with patch.object(learner_keys, "KEPT_SECONDS", 0.01):  # tests are collected before any fixture counts
        return [(at, before) for at in range(1, asyncio.run(whole()) + 1) for before in (True, False)]


@pytest.mark.parametrize(("at", "before"), _deaths())
async def test_a_death_anywhere_changes_nothing(at: int, before: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Around every step, save and word: one end, one receipt, of the same counts, and nothing left."""
    service = await served()
    await service.ask("DeleteLearnerData", 1)
    await service.beside(service.desk.look_once(Calls(at, before)))
    service.desk.clock.now += LEASE_SECONDS + 1
    await service.beside(service.desk.run())
    (link,) = service.chain.links["tenant-1"]
    assert service.desk.request(1).receipt == link.document
    assert verify(link.document, KEY.jwk)["counts"]["tombstones"] == 4
    assert (service.left(), service.loud(ERASED)) == ([], set())
    ends = {one.fields["event_id"] for one in service.desk.events() if one.type.endswith("DELETION_COMPLETED")}
    assert len(ends) == 1
