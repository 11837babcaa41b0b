"""Privacy requests over HTTP: who may see them, what is shown, page by page."""

import pytest

from chat.domain.privacy import Kind, State
from chat.errors import JobFailed
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, client_of, make_app
from tests.privacy_desk import OFFICER, STEPS, Calls, Desk, NotingJob, PrivacyLog
from tests.records import NOW, token, uid

REQUESTS = "/api/v1/privacy/requests"
AUDIT = "/api/v1/privacy/audit"
ONE = f"{REQUESTS}/{uid(4, 1)}"


class JsonJob(NotingJob):
    """Leaves a receipt."""

    async def do(self, request: object, step: str, save: object) -> str:
        await super().do(request, step, save)  # type: ignore[arg-type]
        return '{"messages":3}'


@pytest.fixture
def desk() -> Desk:
    return Desk([JsonJob()])


@pytest.fixture
def log() -> PrivacyLog:
    return PrivacyLog()


def _client(desk: Desk, bearer: str = OFFICER) -> ApiClient:
    return client_of(make_app(MemoryHistory(), requests=desk.kept), bearer)


async def test_a_request_is_shown_with_its_state_and_audit(desk: Desk, log: PrivacyLog) -> None:
    """From being asked for to its receipt; whose it is stands nowhere."""
    log.ask("ExportLearnerData", reason="access")
    await desk.take(log.records)
    client = _client(desk)
    first = await client.json(ONE)
    assert {name: first[name] for name in ("state", "step", "receipt", "kind", "reason", "requested_by")} == {
        "state": "requested",
        "step": None,
        "receipt": None,
        "kind": "export",
        "reason": "access",
        "requested_by": "officer-1",
    }
    await desk.run()
    shown = await client.json(ONE)
    assert (shown["state"], shown["step"], shown["receipt"]) == ("completed", STEPS[-1], {"messages": 3})
    assert [(line["action"], line["actor"]) for line in shown["audit"]] == [
        ("requested", "officer-1"),
        ("completed", None),
    ]
    assert "learner-1" not in str(shown)
    assert await client.items(REQUESTS, learner_id="learner-1") == [shown]


async def test_a_request_that_is_held_is_never_silent(desk: Desk, log: PrivacyLog) -> None:
    """State and reason are shown, and its line of the audit."""

    def hold(*_: object) -> None:
        raise JobFailed("legal_hold", held=True)

    desk.jobs = [NotingJob(Kind.DELETION, hooks={"gather": hold})]
    log.ask("DeleteLearnerData")
    await desk.take(log.records)
    await desk.run()
    shown = await _client(desk).json(ONE)
    assert (shown["state"], shown["reason_code"], shown["audit"][-1]["action"]) == ("held", "legal_hold", "held")


async def test_a_held_copy_is_good_until_the_request_moves(desk: Desk, log: PrivacyLog) -> None:
    """304 while nothing changed, a new tag after every change."""
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    client = _client(desk)
    tag = (await client.get(ONE)).headers["etag"]
    assert (await client.get(ONE, headers={"if-none-match": tag})).status_code == 304
    await desk.run()
    assert (await client.get(ONE, headers={"if-none-match": tag})).status_code == 200


@pytest.mark.parametrize("permission", ["privacy:export", "privacy:delete"])
@pytest.mark.parametrize("ended", [False, True])
async def test_a_scope_binds_also_where_no_id_is_kept(
    desk: Desk,
    log: PrivacyLog,
    permission: str,
    ended: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    """Either permission opens it for a learner in scope; for another it is not there, running or ended."""
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    if ended:
        await desk.run()
    may = {"role": "service", "permissions": [permission]}
    mine = _client(desk, token(learners=["learner-9", "learner-1"], **may))  # type: ignore[arg-type]
    theirs = _client(desk, token(learners=["learner-2"], **may))  # type: ignore[arg-type]
    assert (await mine.json(ONE))["request_id"] == uid(4, 1)
    statuses = [(await theirs.get(path, learner_id="learner-1")).status_code for path in (REQUESTS, AUDIT)]
    assert [*statuses, (await theirs.get(ONE)).status_code] == [404, 404, 404]


@pytest.mark.parametrize("path", [REQUESTS, ONE, AUDIT])
async def test_others_may_not_look(desk: Desk, path: str) -> None:
    """403 without the permission whatever one asks for, 401 without a token."""
    for role in ("teacher", "admin"):
        assert (await _client(desk, token(role=role)).get(path, learner_id="learner-1")).status_code == 403
    assert (await client_of(make_app(MemoryHistory()), "nonsense").get(path)).status_code == 401


async def test_what_is_not_there_is_404_and_what_is_wrong_400(desk: Desk, log: PrivacyLog) -> None:
    """An unknown request, one of another tenant, no UUID; a list without its learner, a cursor of another list."""
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    foreign = _client(desk, token("tenant-2", role="compliance"))
    assert (await foreign.get(ONE)).status_code == 404
    client = _client(desk)
    for path in (f"{REQUESTS}/{uid(4, 9)}", f"{REQUESTS}/x"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get(REQUESTS)).status_code == 400
    log.ask("ExportLearnerData", 2)
    await desk.take(log.records[1:])
    cursor = (await client.json(REQUESTS, learner_id="learner-1", limit=1))["next_cursor"]
    assert cursor
    for path, learner in ((REQUESTS, "learner-2"), (AUDIT, "learner-1")):
        assert (await client.get(path, learner_id=learner, cursor=cursor)).status_code == 400


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_lists_are_paged_newest_first(desk: Desk, log: PrivacyLog, limit: int) -> None:
    """Each request once; the audit holds refusals too, which no request has."""
    for number in (1, 2, 3):
        log.ask("ExportLearnerData", number)
    log.ask("DeleteLearnerData", 4, reason="curiosity")
    await desk.take(log.records)
    client = _client(desk)
    listed = await client.items(REQUESTS, learner_id="learner-1", limit=limit)
    assert [one["request_id"] for one in listed] == [uid(4, 3), uid(4, 2), uid(4, 1)]
    audit = await client.items(AUDIT, learner_id="learner-1", limit=limit)
    assert [(one["action"], one["code"]) for one in audit] == [("refused", "invalid"), *[("requested", "other")] * 3]
    assert await client.items(AUDIT, learner_id="learner-2", limit=limit) == []
    assert listed[-1]["requested_at"].startswith("2026-01-15") == (NOW == 1_768_473_000_000)


async def test_a_waiting_request_says_for_what(desk: Desk, log: PrivacyLog) -> None:
    """Its reason is the server that is away."""
    desk.jobs = [NotingJob(hooks={"pack": lambda *_: 1 / 0})]
    log.ask("ExportLearnerData")
    await desk.take(log.records)
    await desk.look_once(Calls())
    shown = await _client(desk).json(ONE)
    assert (shown["state"], shown["reason_code"], shown["step"]) == (State.WAITING, "internal", "gather")
