"""Bundles over HTTP: who gets them, what is noted, and that nobody gets a half one."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from api import bounded_sending
from chat.domain.model import Learner, LearnerId, Life
from chat.errors import BundleDamaged, BundleGone, BundleStoreRefused, BundleStoreUnavailable
from chat.privacy.export.build import Limits
from chat.privacy.export.job import ExportJob
from chat.privacy.export.shelf import Shelf
from chat.privacy.export.signing import jwk
from chat.storage.export_reads import ExportReads
from chat.storage.memory_reads import MemoryHistory
from tests import bundles
from tests.api_client import ApiClient, client_of, make_app
from tests.bundles import LocalWrap, MemoryStore
from tests.connection import Connection
from tests.privacy_desk import OFFICER, Desk, PrivacyLog
from tests.records import NOW, SUBJECTS, token, uid

BUNDLE = f"/api/v1/privacy/exports/{uid(4, 1)}"
KEYS = "/api/v1/privacy/signing-keys"


class AwayStore(MemoryStore):
    """Answers as long as nobody gives it a fault."""

    fault: BundleStoreUnavailable | None = None
    asked: Callable[[str], None] = staticmethod(lambda _name: None)

    async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
        self.asked(name)
        if self.fault is not None:
            raise self.fault
        return await super().get(bundle, name, limit)


class House:
    """A service with one learner's export, which is asked for and not yet run."""

    def __init__(self) -> None:
        self.store = AwayStore()
        self.shelf = Shelf(self.store, LocalWrap(), jwk(bundles.SIGNING_KEY.public), self._life_of)
        self.life = Life()
        job = ExportJob(bundles.builder(self.store, limits=Limits(records=10)), _reads, _life)
        self.desk = Desk([job])

    async def _life_of(self, subject: bytes) -> Life:
        return self.life if subject == SUBJECTS.of(Learner("tenant-1", "learner-1")) else Life()

    async def ask(self) -> None:
        log = PrivacyLog()
        log.ask("ExportLearnerData", reason="access")
        await self.desk.take(log.records)

    def app(self) -> FastAPI:
        return make_app(MemoryHistory(), requests=self.desk.kept, exports=self.shelf)

    def client(self, bearer: str = OFFICER) -> ApiClient:
        return client_of(self.app(), bearer)

    def during(self, chunk: str, happens: Callable[[], None]) -> list[str]:
        """Something happens while a chunk is read; gives the names of all that are read, as they are."""
        read: list[str] = []

        def asked(name: str) -> None:
            read.append(name)
            if name == chunk:
                happens()

        self.store.asked = asked
        return read


async def _reads(_learner: LearnerId) -> ExportReads:
    return bundles.conversation()


async def _life(_learner: Learner) -> Life:
    return Life()


@pytest.fixture
async def house() -> House:
    one = House()
    await one.ask()
    return one


async def test_a_finished_bundle_is_fetched_and_every_fetching_noted(house: House) -> None:
    """As a zip of the length that was told, which the script finds good with the key that the service publishes."""
    await house.desk.run()
    client = house.client()
    for _ in range(2):
        answer = await client.get(BUNDLE)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"] == f'attachment; filename="export-{uid(4, 1)}.zip"'
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["cache-control"] == "private, no-store"
        bundles.verified(answer.content)
    assert [line[0] for line in house.desk.audit()][-2:] == ["downloaded", "downloaded"]
    assert house.desk.audit()[-1][2] == "officer-1"
    assert (await client.json(KEYS))["keys"] == [jwk(bundles.SIGNING_KEY.public)]


async def test_who_fetches_their_own_leaves_no_id(house: House) -> None:
    """The audit outlives its learner."""
    await house.desk.run()
    learner = token(user="learner-1", role="learner", learners=["learner-1"], permissions=["privacy:export"])
    assert (await house.client(learner).get(BUNDLE)).status_code == 200
    assert house.desk.audit()[-1] == ("downloaded", "", "the learner")


async def test_to_ask_how_large_it_is_is_not_to_fetch_it(house: House) -> None:
    """HEAD has the headers of GET and no body; nothing is noted, and no chunk read."""
    await house.desk.run()
    client = house.client()
    whole = await client.get(BUNDLE)
    before = house.desk.audit()
    house.store.objects = {key: one for key, one in house.store.objects.items() if "/" not in key[1]}
    answer = await client.http.head(BUNDLE, headers={"authorization": f"Bearer {OFFICER}"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(whole.content))
    assert house.desk.audit() == before


async def test_who_may_not_have_it_learns_nothing_and_nothing_is_noted(house: House) -> None:
    """403 without the permission; one 404 for another tenant, for a learner out of scope and for no such request."""
    await house.desk.run()
    before = house.desk.audit()
    refused = {
        403: [token(role="teacher"), token(role="compliance", permissions=["privacy:delete"])],
        404: [
            token("tenant-2", role="compliance"),
            token(role="service", permissions=["privacy:export"], learners=["learner-2"]),
        ],
        401: ["nonsense"],
    }
    for status, bearers in refused.items():
        for bearer in bearers:
            assert (await house.client(bearer).get(BUNDLE)).status_code == status
    gone = await house.client().get(BUNDLE.replace(uid(4, 1), uid(4, 2)))
    foreign = await house.client(refused[404][0]).get(BUNDLE)
    assert (gone.status_code, gone.json()) == (404, foreign.json())
    assert house.desk.audit() == before
    inside = token(role="service", permissions=["privacy:export"], learners=["learner-1"])
    assert (await house.client(inside).get(BUNDLE)).status_code == 200


async def test_what_is_not_there_yet_or_no_more_is_not_found(house: House) -> None:
    """Before its end, and after the bundle was deleted."""
    assert (await house.client().get(BUNDLE)).status_code == 404
    await house.desk.run()
    assert (await house.client().get(BUNDLE)).status_code == 200
    await house.store.delete(bundles.BUNDLE)
    assert (await house.client().get(BUNDLE)).status_code == 404


async def test_of_the_erased_no_bundle_is_given_out(house: House) -> None:
    """As soon as the life has ended, though the erasure has not come to the bundle yet; nor is anything noted."""
    await house.desk.run()
    before = house.desk.audit()
    house.life = Life(alive=False)
    assert (await house.client().get(BUNDLE)).status_code == 404
    assert house.store.objects
    assert house.desk.audit() == before


@pytest.mark.parametrize("fault", [BundleStoreUnavailable("away"), BundleStoreRefused("wrong credentials")])
async def test_a_store_that_is_away_or_says_no_is_said(house: House, fault: BundleStoreUnavailable) -> None:
    """503, to be tried again; it is not as if there were no bundle, and no fault of the request's."""
    await house.desk.run()
    house.store.fault = fault
    answer = await house.client().get(BUNDLE)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert str(fault) not in answer.text
    assert house.desk.audit()[-1][0] == "completed", "nothing was downloaded"


async def test_a_download_ends_with_its_learners_life(house: House) -> None:
    """Before the next chunk is read, though the erasure has deleted none yet; its client sees that it is not whole."""
    await house.desk.run()
    read = house.during("messages/000002", lambda: setattr(house, "life", Life(alive=False)))
    connection = Connection(house.app(), BUNDLE, OFFICER)
    await connection.run()
    assert read[-1] == "messages/000002"
    assert connection.broken_off
    assert not connection.complete
    assert connection.length is not None
    assert 0 < len(connection.body) < connection.length


async def test_a_download_ends_with_its_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is judged before each chunk, as at the beginning."""
    await house.desk.run()
    clock = [NOW / 1000]
    monkeypatch.setattr("api.auth.time", SimpleNamespace(time=lambda: clock[0]))
    read = house.during("messages/000002", lambda: clock.append(clock.pop() + 3_600))
    connection = Connection(house.app(), BUNDLE, token(role="compliance", user="officer-1", ttl=3_600))
    await connection.run()
    assert read[-1] == "messages/000002"
    assert connection.broken_off
    assert not connection.complete


async def test_whoever_takes_long_for_a_chunk_is_judged_within_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece of it comes any more behind the end of the learner's life."""
    await house.desk.run()
    monkeypatch.setattr("chat.privacy.export.download.JUDGE_SECONDS", 0.0)
    download = await house.shelf.open(house.desk.request())
    stream = download.stream(lambda: house.shelf.judge(house.desk.request()))
    assert await anext(stream)
    house.life = Life(alive=False)
    with pytest.raises(BundleGone):
        await anext(stream)


async def test_a_client_that_takes_nothing_of_a_download_is_broken_off(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No chunk stays open for it."""
    await house.desk.run()
    monkeypatch.setattr(bounded_sending, "SEND_SECONDS", 0.05)
    read = house.during("none", lambda: None)
    connection = Connection(house.app(), BUNDLE, OFFICER, stalls=bool)
    await connection.run()
    assert connection.broken_off
    assert not connection.complete
    assert read[-1] == "manifest", "the first chunk, and no other"


async def test_a_damaged_bundle_breaks_off(house: House) -> None:
    """Less than was told comes, and no reader takes it for a whole zip."""
    await house.desk.run()
    name = (bundles.BUNDLE, "messages/000002")
    house.store.objects[name] = house.store.objects[name][:-1]
    pieces = []
    download = await house.shelf.open(house.desk.request())
    with pytest.raises(BundleDamaged):
        pieces.extend([piece async for piece in download.stream(bundles.unjudged)])
    assert sum(map(len, pieces)) < download.length
