"""Requests that may not be done, or not now, from their record to their end: each is refused or waits, and is noted."""

from typing import Any
from unittest.mock import patch

import pytest

from chat.domain.model import Learner
from chat.domain.privacy import State
from chat.errors import (
    BundleStoreFull,
    BundleStoreRefused,
    BundleStoreUnavailable,
    KeyStoreUnavailable,
    StorageUnavailable,
)
from chat.storage import learner_keys
from streams import erasure
from tests.erasing_service import CONTROL, ERASED, Service
from tests.memory_exports import StoreReads
from tests.privacy_desk import LEASE_SECONDS, OFFICER, Calls
from tests.records import token, uid

ADMIN, LEARNER = token(user="admin-1", role="admin"), token(user="learner-1", role="learner")
EXPORTER = token(user="exporter-1", role="compliance", permissions=["privacy:export"])
STRANGER = token("tenant-2", user="officer-2", role="compliance")
NOBODY = Learner("tenant-1", "nobody-yet")
KINDS = ("ExportLearnerData", "DeleteLearnerData", "EnrolLearner")


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "PAUSE", 0.001)
    monkeypatch.setattr(learner_keys, "KEPT_SECONDS", 0.01)


@pytest.fixture
async def service() -> Service:
    """One learner is erased, the other lives."""
    served = Service()
    await served.write(ERASED, 100)
    await served.write(CONTROL, 200)
    await served.erase()
    return served


def noted(service: Service) -> list[tuple[str, str, str]]:
    """The audit of request 9, in its order."""
    lines = [one for one in service.desk.kept.entries.values() if one.request_id in {uid(4, 9), ""}]
    return [(one.action, one.code, one.actor) for one in lines]


@pytest.mark.parametrize(
    ("asked", "code", "actor"),
    [
        *[((ADMIN, kind, CONTROL), "forbidden", "admin-1") for kind in KINDS],
        *[((LEARNER, kind, CONTROL), "forbidden", "learner-1") for kind in KINDS],
        *[((EXPORTER, kind, CONTROL), "forbidden", "exporter-1") for kind in KINDS[1:]],
        *[((STRANGER, kind, CONTROL), "wrong_tenant", "") for kind in KINDS],
        *[(("nonsense", kind, CONTROL), "unauthenticated", "") for kind in KINDS],
        ((OFFICER, "EnrolLearner", NOBODY), "invalid", "officer-1"),
        ((OFFICER, "EnrolLearner", CONTROL), "invalid", "officer-1"),
        ((OFFICER, "DeleteLearnerData", ERASED), "learner_erased", "officer-1"),
        ((OFFICER, "ExportLearnerData", ERASED), "learner_erased", "officer-1"),
    ],
)
async def test_what_may_not_be_done_is_refused_and_noted(
    service: Service, asked: tuple[str, str, Learner], code: str, actor: str
) -> None:
    """With the contract's code, by who asked; no request is made of it, and nothing is changed."""
    bearer, record_type, learner = asked
    before, rows = set(service.desk.kept.kept), service.copy(CONTROL)
    await service.desk.take([service.asked.ask(record_type, 9, bearer, **learner._asdict())])
    assert service.desk.refusals()[-1] == (code, None)
    assert noted(service) == [("refused", code, actor)]
    assert (set(service.desk.kept.kept), service.copy(CONTROL)) == (before, rows)


@pytest.mark.parametrize("record_type", KINDS[:2])
async def test_a_learner_of_whom_nothing_is_kept_is_served(service: Service, record_type: str) -> None:
    """An export that is empty, and an erasure that found nothing, each with its end: nobody learns who is known."""
    await service.ask(record_type, 9, NOBODY)
    await service.beside(service.desk.run())
    assert service.desk.request(9).state is State.COMPLETED
    assert [action for action, _, _ in noted(service)] == ["requested", "completed"]


@pytest.mark.parametrize(
    ("where", "method", "error", "reason"),
    [
        ("bundles", "put", BundleStoreUnavailable("S3 is away"), "exports"),
        ("bundles", "put", BundleStoreFull("no room"), "exports_full"),
        ("bundles", "put", BundleStoreRefused("S3 says no"), "exports_refused"),
        ("reads", "messages", KeyStoreUnavailable("the key is away"), "keys"),
        ("reads", "threads", StorageUnavailable("no replica"), "cassandra"),
    ],
)
async def test_what_cannot_be_done_now_waits_and_is_noted_once(
    service: Service, where: str, method: str, error: Exception, reason: str
) -> None:
    """In state and audit, however often it is tried; it ends once what was away is there again."""

    async def away(*_: Any) -> None:
        raise error

    await service.ask("ExportLearnerData", 9, CONTROL)
    with patch.object(service.bundles if where == "bundles" else StoreReads, method, away):
        for _ in range(3):
            await service.desk.look_once(Calls())
            assert (service.desk.request(9).state, service.desk.request(9).reason_code) == (State.WAITING, reason)
            service.desk.clock.now += LEASE_SECONDS + 1
    await service.desk.run()
    assert service.desk.request(9).state is State.COMPLETED
    lines = [(action, code) for action, code, _ in noted(service)]
    assert lines == [("requested", "other"), ("waiting", reason), ("completed", "other")]
    assert service.desk.failures == []
