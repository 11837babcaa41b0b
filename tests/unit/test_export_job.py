"""Export requests from their command to a bundle that can be fetched, over every death of a worker."""

import hashlib
import json
from contextlib import suppress

import pytest

from chat.domain.model import Learner, LearnerId, Life, Message, ThreadKey
from chat.domain.privacy import State
from chat.errors import BundleGone, BundleStoreFull, BundleStoreRefused
from chat.privacy.export.build import Limits
from chat.privacy.export.job import ExportJob
from chat.storage.export_reads import ExportReads
from tests import bundles
from tests.api_client import message_at
from tests.bundles import MemoryReads, MemoryStore
from tests.privacy_desk import Calls, Desk, Killed, PrivacyLog


def _job(store: MemoryStore, reads: MemoryReads, lives: dict[Learner, Life] | None = None) -> ExportJob:
    async def reads_of(_learner: LearnerId) -> ExportReads:
        return reads

    async def life_of(learner: Learner) -> Life:
        return ({} if lives is None else lives).get(learner, Life())

    return ExportJob(bundles.builder(store, limits=Limits(records=10)), reads_of, life_of)


async def _desk(job: ExportJob, reason: str = "access") -> Desk:
    desk, log = Desk([job]), PrivacyLog()
    log.ask("ExportLearnerData", reason=reason)
    await desk.take(log.records)
    return desk


@pytest.mark.parametrize(
    ("reason", "article"), [("access", "access"), ("portability", "portability"), ("other", "access")]
)
async def test_a_request_ends_with_a_bundle_by_its_policy(reason: str, article: str) -> None:
    """Its receipt names the manifest that is in it, and no id of the learner."""
    store = MemoryStore()
    desk = await _desk(_job(store, bundles.conversation()), reason)
    await desk.run()
    request = desk.request()
    assert request.state is State.COMPLETED
    content = await bundles.zipped(store)
    manifest = bundles.verified(content)
    assert manifest["policy"]["article"] == article
    receipt = json.loads(request.receipt)
    digest = hashlib.sha256(bundles.members(content)["manifest.json"]).hexdigest()
    assert receipt["manifest_sha256"] == digest
    assert receipt["expires_at"] == manifest["expires_at"]
    assert "learner-1" not in request.receipt
    assert desk.event_types()[-1] == "CHAT_PRIVACY_EXPORT_COMPLETED"


async def test_a_worker_that_dies_at_any_call_leaves_one_bundle_and_one_end() -> None:
    """Before and after every call of its runner and job: the next one ends what it began."""
    calls, whole = Calls(), await _desk(_job(MemoryStore(), bundles.conversation()))
    await whole.look_once(calls)
    assert len(calls.names) > 12
    for before in (True, False):
        for at in range(1, len(calls.names) + 1):
            store = MemoryStore()
            desk = await _desk(_job(store, bundles.conversation()))
            with suppress(Killed):
                await desk.look_once(Calls(at, before=before))
            desk.clock.now += 1_000
            await desk.run()
            assert desk.request().state is State.COMPLETED
            bundles.verified(await bundles.zipped(store))
            ends = {one.fields["event_id"] for one in desk.events() if one.type.endswith("COMPLETED")}
            assert len(ends) == 1


async def test_a_full_store_lets_the_request_wait() -> None:
    """It says for what; when there is room it goes on behind the chunks that are there."""

    class Full(MemoryStore):
        left = 5

        async def put(self, bundle: str, name: str, content: bytes) -> bool:
            self.left -= 1
            if self.left == 0:
                raise BundleStoreFull("no room")
            return await super().put(bundle, name, content)

    store = Full()
    desk = await _desk(_job(store, bundles.conversation()))
    await desk.run(lambda: desk.request().state is State.WAITING)
    assert desk.request().reason_code == "exports_full"
    finished = dict(store.objects)
    desk.clock.now += 1_000
    await desk.run()
    assert desk.request().state is State.COMPLETED
    assert finished.items() <= store.objects.items()


async def test_a_store_that_says_no_lets_the_request_wait_and_is_noted_once() -> None:
    """Wrong credentials are for the operator to mend: in state and audit, however often it is tried; then it ends."""

    class Closed(MemoryStore):
        closed = True

        async def put(self, bundle: str, name: str, content: bytes) -> bool:
            if self.closed:
                raise BundleStoreRefused("S3 says no: InvalidAccessKeyId")
            return await super().put(bundle, name, content)

    store = Closed()
    desk = await _desk(_job(store, bundles.conversation()))
    for _ in range(3):
        await desk.look_once(Calls())
        desk.clock.now += 1_000
        assert (desk.request().state, desk.request().reason_code) == (State.WAITING, "exports_refused")
    store.closed = False
    await desk.run()
    bundles.verified(await bundles.zipped(store))
    lines = [(action, code) for action, code, _ in desk.audit()]
    assert lines == [("requested", "access"), ("waiting", "exports_refused"), ("completed", "access")]
    assert desk.failures == []


@pytest.mark.parametrize("after", [Life(alive=False), Life(generation=2, since=9)])
async def test_an_erasure_meanwhile_ends_the_export(after: Life) -> None:
    """It fails with its reason, whether or not a new life has begun, and there is nothing to fetch."""
    lives: dict[Learner, Life] = {}
    store = MemoryStore()

    class Erasing(MemoryReads):
        async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
            lives[Learner("tenant-1", "learner-1")] = after
            return await super().messages(key, first, last)

    reads = Erasing()
    reads.add(1, [message_at(1)])
    desk = await _desk(_job(store, reads, lives))
    await desk.run()
    assert (desk.request().state, desk.request().reason_code) == (State.FAILED, "learner_erased")
    assert store.objects == {}, "nothing of it is left"
    with pytest.raises(BundleGone):
        await bundles.zipped(store)


async def test_a_new_life_does_not_go_on_with_an_old_ones_export() -> None:
    """A worker dies after some chunks; the learner is erased and enrolled again before the next one looks."""
    lives: dict[Learner, Life] = {}

    class Full(MemoryStore):
        async def put(self, bundle: str, name: str, content: bytes) -> bool:
            if name == "messages/000003":
                raise BundleStoreFull("no room")
            return await super().put(bundle, name, content)

    desk = await _desk(_job(Full(), bundles.conversation(), lives))
    await desk.run(lambda: desk.request().state is State.WAITING)
    lives[Learner("tenant-1", "learner-1")] = Life(generation=2, since=9)
    desk.clock.now += 1_000
    await desk.run()
    assert (desk.request().state, desk.request().reason_code) == (State.FAILED, "learner_erased")
