"""What the receipt of an erasure says, over memory, and that there is one of each."""

import asyncio
import copy
from collections.abc import Iterator

import pytest

from chat.domain.privacy import State
from chat.privacy.erasure_notes import Notes
from chat.privacy.receipt import verify, verify_chain
from schemas.timestamps import from_text
from streams import erasure
from streams.erasure import STEPS
from tests.erasing_service import ERASED, KEY, no_pauses, served
from tests.privacy_desk import LEASE_SECONDS, Calls
from tests.records import SUBJECTS


@pytest.fixture(autouse=True)
def _hasty() -> Iterator[None]:
    with no_pauses():
        yield


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_the_clock_of_a_worker_is_in_no_receipt(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """It keeps no erasure waiting either. By Cassandra's clock, set back here, no step is before another one."""
    service, right = await served(), erasure.now
    monkeypatch.setattr(erasure, "now", lambda: right() + round(1000 * ahead))
    service.clock.each = -100.0
    began = right()
    await asyncio.wait_for(service.erase(), 60)
    body = verify(service.desk.request(1).receipt, KEY.jwk)
    steps = [from_text(body["steps"][step]) for step in STEPS[:-1]]
    assert steps == sorted(steps)
    assert steps[0] >= from_text(body["requested_at"])
    assert began - 600_000 < steps[-1] < began + 600_000
    assert service.left() == []


async def test_the_receipt_says_what_was_done_and_when() -> None:
    """Signed, chained to the one before it, without an id of the learner."""
    service = await served()
    for number in (8, 9):
        await service.export(number)
    await service.erase()
    await service.ask("EnrolLearner", 2)
    await service.beside(service.desk.run())
    await service.write(ERASED, 300)
    await service.erase(3)
    documents = [one.document for one in service.chain.links["tenant-1"]]
    verify_chain(documents, KEY.jwk)
    bodies = [verify(one, KEY.jwk) for one in documents]
    assert [one["generation"] for one in bodies] == [1, 2]
    assert [one["number"] for one in bodies] == [1, 2]
    assert documents[0] == service.desk.request(1).receipt
    assert [service.ledger.kept["tenant-1", number] for number in (1, 2)] == documents
    assert bodies[0]["counts"] == {
        "threads": 2, "messages": 1, "marks": 1, "commands": 7, "bundles": 2, "tombstones": 4
    }  # fmt: skip
    assert bodies[0]["subject"] == SUBJECTS.of(ERASED).hex()
    assert list(bodies[0]["steps"]) == sorted(STEPS[:-1])
    assert "learner-1" not in documents[0]


@pytest.mark.parametrize("exported", [True, False])
async def test_unreadable_is_what_no_bundle_holds_either(exported: bool) -> None:  # noqa: FBT001 - pytest gives it
    """A bundle has a key of its own: where there was one, the receipt says when it went."""
    service = await served()
    if exported:
        await service.export(9)
    service.clock.each = 1.0
    await service.erase()
    body = verify(service.desk.request(1).receipt, KEY.jwk)
    assert body["unreadable_since"] == body["steps"]["exports" if exported else "destroy"]


async def test_words_that_were_ever_plain_are_gone_with_the_bytes() -> None:
    """Whatever the setting is by now: a key that is destroyed makes nothing unreadable that it never sealed."""
    service = await served()
    service.sealed = False
    await service.erase()
    body = verify(service.desk.request(1).receipt, KEY.jwk)
    assert body["unreadable_since"] == max(body["bytes_gone_by"].values()) > body["steps"]["destroy"]


@pytest.mark.parametrize("calls", [0, 6, 10, 14, 18])
async def test_an_erasure_that_is_done_again_after_a_restore_has_its_receipt(calls: int) -> None:
    """As it was open at the backup, at whichever step, with what the ledger's replay gave it."""
    service = await served()
    await service.ask("DeleteLearnerData", 1)
    await service.beside(service.desk.look_once(Calls(calls)))
    requests = service.desk.kept
    tables = {name: table for name, table in vars(requests).items() if isinstance(table, dict | set)}
    at_backup, request = copy.deepcopy(tables), service.desk.request(1)
    service.desk.clock.now += LEASE_SECONDS + 1
    await service.beside(service.desk.run())
    receipt = service.desk.request(1).receipt
    vars(requests).update(at_backup)
    notes = Notes.read(request.notes)._replace(draft=receipt)
    requests.kept[request.key] = request._replace(notes=notes.text())
    await service.beside(service.desk.run())
    assert (service.desk.request(1).state, service.desk.request(1).receipt) == (State.COMPLETED, receipt)
    assert [one.document for one in service.chain.links["tenant-1"]] == [receipt]


async def test_an_erasure_waits_for_its_ledger() -> None:
    """It has no end while its receipt is nowhere but in Cassandra; then it ends with the same receipt."""
    service = await served()
    service.ledger.full = True
    await service.ask("DeleteLearnerData", 1)
    await service.beside(service.desk.look_once(Calls()))
    assert service.desk.request(1).state is State.WAITING
    service.ledger.full = False
    service.desk.clock.now += LEASE_SECONDS + 1
    await service.beside(service.desk.run())
    assert service.desk.request(1).receipt == service.ledger.kept["tenant-1", 1]
