"""Refusals over HTTP: who may see whose, from when on, and what is never opened."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

import schemas
from api.refusal_log import Window
from chat.domain.model import Learner, Life
from chat.domain.privacy import Kind
from chat.errors import BrokerRefused, BrokerUnavailable, TopicMismatch
from chat.partition_reader import Kept
from chat.storage.memory_reads import MemoryHistory
from schemas import confluent
from tests.api_client import LEARNER, TENANT, ApiClient, client_of, make_app
from tests.privacy_desk import Desk, NotingJob, PrivacyLog
from tests.records import NOW, token, uid

REFUSALS = "/api/v1/refusals"
MODERATOR = token(TENANT, user="admin-1", role="admin")
OWN = f"{TENANT}/{LEARNER}"


def refused(number: int, key: str = OWN, **changes: Any) -> bytes:
    """A refusal; its command was the `number`th, and is of that millisecond."""
    tenant_id, learner_id = key.split("/")
    fields = {
        "command_id": uid(3, number),
        "tenant_id": tenant_id,
        "learner_id": learner_id,
        "code": "thread_not_found",
        "detail": "the learner has no such thread",
        "event_id": None,
        "topic": "chat.commands",
        "partition": 5,
        "offset": number,
        "timestamp": NOW + number,
    }
    return schemas.encode("CommandRejected", fields | changes)


def logged(number: int, key: str = OWN, value: bytes | None = None, **changes: Any) -> Kept:
    """A record of the log; by default the refusal of that learner's `number`th command."""
    return Kept(number, NOW + number, key.encode(), refused(number, key, **changes) if value is None else value)


@dataclass
class Log:
    """A partition of so many records, which is read so many at a time."""

    records: Sequence[Kept]
    size: int = 100
    kept_from: int = 0
    asked: list[tuple[bytes, int | None]] = field(default_factory=list)

    async def window(self, key: bytes, before: int | None) -> Window:
        """A `ReadWindow`."""
        self.asked.append((key, before))
        end = len(self.records) if before is None else min(before, len(self.records))
        first = max(self.kept_from, end - self.size)
        return Window(list(self.records[first:end]), first, self.kept_from)


def client(log: Log, bearer: str = MODERATOR, **parts: Any) -> ApiClient:
    """A client of an application over that log."""
    return client_of(make_app(parts.pop("history", MemoryHistory()), refusals=log.window, **parts), bearer)


def numbers(page: dict[str, Any]) -> list[int]:
    """Which commands a page tells of."""
    return [one["offset"] for one in page["items"]]


async def test_a_refusal_is_shown_whole() -> None:
    """Its code, sentence and command; whose it is, its reader has asked for."""
    log = Log([logged(0, code="duplicate", detail="applied before", event_id=uid(5, 1))])
    assert await client(log).json(REFUSALS, learner_id=LEARNER) == {
        "items": [
            {
                "command_id": uid(3, 0),
                "code": "duplicate",
                "detail": "applied before",
                "event_id": uid(5, 1),
                "topic": "chat.commands",
                "partition": 5,
                "offset": 0,
                "timestamp": "2026-01-15T10:30:00.000Z",
            }
        ],
        "next_cursor": None,
        "since": None,
    }
    assert log.asked == [(OWN.encode(), None)]


async def test_no_other_record_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not another tenant's, not another learner's, not one without a key."""
    opened: list[bytes | None] = []
    decode = schemas.decode

    def noting(value: bytes | None, **headers: Any) -> schemas.Record:
        opened.append(value)
        return decode(value, **headers)

    others = ["tenant-2/learner-1", "tenant-1/learner-2", "tenant-1/learner-11", "tenant-11/learner-1"]
    nobody = Kept(4, NOW, None, refused(4))
    log = Log([*(logged(at, key) for at, key in enumerate(others)), nobody, logged(5)])
    monkeypatch.setattr(schemas, "decode", noting)
    assert numbers(await client(log).json(REFUSALS, learner_id=LEARNER)) == [5]
    assert opened == [refused(5)]


async def test_what_only_says_that_it_is_the_learners_is_left_out() -> None:
    """Under the learner's key: another's refusal, a privacy command's, no refusal, no record at all."""
    strange = [
        logged(0, value=refused(0, "tenant-2/learner-1")),
        logged(1, topic="chat.privacy.commands"),
        logged(2, value=schemas.PUBLISHED.newest["CommandRejected"].header),
        logged(3, value=b"noise"),
        Kept(4, NOW, OWN.encode(), None),
        logged(5),
    ]
    assert numbers(await client(Log(strange)).json(REFUSALS, learner_id=LEARNER)) == [5]


async def test_every_form_is_read() -> None:
    """JSON, and Avro in a registry's framing with its fingerprint beside it."""
    value, fingerprint = confluent.framed(refused(0), 7)
    framed = logged(0, value=value)._replace(headers=((confluent.HEADER, fingerprint),))
    as_json = logged(1, value=schemas.encode(*schemas.decode(refused(1)), schemas.Format.JSON))
    assert numbers(await client(Log([framed, as_json])).json(REFUSALS, learner_id=LEARNER)) == [1, 0]


@pytest.mark.parametrize("limit", [1, 3, 200])
@pytest.mark.parametrize("size", [1, 4, 50])
async def test_pages_are_whole_and_say_since_when(limit: int, size: int) -> None:
    """Each refusal once, newest first; `since` tells how far back nothing is left out, until all was looked at."""
    records = [logged(at, OWN if at % 3 else "tenant-2/learner-9") for at in range(20)]
    pages = [page async for page in client(Log(records, size)).pages(REFUSALS, learner_id=LEARNER, limit=limit)]
    assert [one for page in pages for one in numbers(page)] == [at for at in range(19, -1, -1) if at % 3]
    assert all(len(page["items"]) <= limit for page in pages)
    assert [page["since"] is None for page in pages] == [False] * (len(pages) - 1) + [True]
    for page, later in itertools.pairwise(pages):
        assert all(one["timestamp"] >= page["since"] for one in page["items"])
        assert all(one["timestamp"] < page["since"] for one in later["items"])


async def test_a_window_with_nothing_in_it_is_not_none() -> None:
    """Others' refusals fill it: the page is empty, says since when that is so, and leads on."""
    log = Log([logged(0), *(logged(at, "tenant-2/learner-9") for at in range(1, 6))], size=3)
    page = await client(log).json(REFUSALS, learner_id=LEARNER)
    assert (page["items"], page["since"]) == ([], "2026-01-15T10:30:00.003Z")
    rest = await client(log).json(REFUSALS, learner_id=LEARNER, cursor=page["next_cursor"])
    assert (numbers(rest), rest["since"], rest["next_cursor"]) == ([0], None, None)


async def test_what_kafka_let_go_is_not_waited_for() -> None:
    """Where the log begins, the last page is."""
    log = Log([logged(at) for at in range(6)], kept_from=4)
    assert await client(log).json(REFUSALS, learner_id=LEARNER) | {"items": None} == {
        "items": None,
        "next_cursor": None,
        "since": None,
    }


async def test_who_may_look() -> None:
    """401 without a token, 403 without the permission, 404 beyond the scope, 400 where no learner is named."""
    log = Log([logged(0)])
    assert (await client(log, "nonsense").get(REFUSALS, learner_id=LEARNER)).status_code == 401
    for role in ("learner", "guardian", "teacher", "compliance", "service"):
        assert (await client(log, token(TENANT, role=role)).get(REFUSALS, learner_id=LEARNER)).status_code == 403
    may = {"role": "service", "permissions": ["messages:moderate"]}
    mine = client(log, token(TENANT, learners=[LEARNER], **may))  # type: ignore[arg-type]
    assert numbers(await mine.json(REFUSALS, learner_id=LEARNER)) == [0]
    assert (await mine.get(REFUSALS, learner_id="learner-2")).status_code == 404
    assert (await mine.get(REFUSALS)).status_code == 400
    foreign = client(log, token("tenant-2", role="admin"))
    assert (await foreign.json(REFUSALS, learner_id=LEARNER))["items"] == []
    assert [key for key, _ in log.asked] == [OWN.encode(), b"tenant-2/learner-1"]


async def test_a_cursor_is_its_listings_own() -> None:
    """One of another learner or tenant is refused."""
    log = Log([logged(at) for at in range(4)])
    cursor = (await client(log).json(REFUSALS, learner_id=LEARNER, limit=1))["next_cursor"]
    assert cursor
    for bearer, learner in ((MODERATOR, "learner-2"), (token("tenant-2", role="admin"), LEARNER)):
        answer = await client(log, bearer).get(REFUSALS, learner_id=learner, cursor=cursor)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


async def test_of_the_erased_it_says_what_it_says_of_strangers() -> None:
    """The same bytes but for the signed cursor's, also where the window is cut; and no refusal tells of an erasure."""
    records = [logged(at, code="learner_erased" if at % 2 else "invalid") for at in range(6)]
    history = MemoryHistory()
    asker = client(Log(records, size=4), history=history)
    assert numbers(await asker.json(REFUSALS, learner_id=LEARNER)) == [4, 2]
    stranger = await asker.json(REFUSALS, learner_id="learner-2")
    history.lives[Learner(TENANT, LEARNER)] = Life(alive=False)
    erased = await asker.json(REFUSALS, learner_id=LEARNER)
    assert erased | {"next_cursor": None} == stranger | {"next_cursor": None}
    assert erased["items"] == []
    assert erased["next_cursor"]
    assert stranger["next_cursor"]


async def test_of_an_ended_life_nothing_is_shown() -> None:
    """Only what was refused after the present life's enrolment was asked for; nothing where none is found."""
    history, log, learner = MemoryHistory(), PrivacyLog(), Learner(TENANT, LEARNER)
    log.clock = itertools.count(NOW + 4)
    desk = Desk([NotingJob(Kind.ENROLMENT)], lives={learner: Life(alive=False)})
    history.lives[learner] = Life(2)
    asker = client(Log([logged(at) for at in range(7)]), history=history, requests=desk.kept)
    assert (await asker.json(REFUSALS, learner_id=LEARNER))["items"] == []
    log.ask("EnrolLearner")
    await desk.take(log.records)
    assert numbers(await asker.json(REFUSALS, learner_id=LEARNER)) == [6, 5, 4]
    await desk.run()
    assert numbers(await asker.json(REFUSALS, learner_id=LEARNER)) == [6, 5, 4]


@pytest.mark.parametrize("error", [BrokerUnavailable("x"), BrokerRefused("x"), TopicMismatch("x")])
async def test_a_log_that_is_away_is_unavailable(error: Exception) -> None:
    """503 with a time to wait; nothing else of the API minds."""

    async def away(_key: bytes, _before: int | None) -> Window:
        raise error

    asker = client_of(make_app(MemoryHistory(), refusals=away), MODERATOR)
    answer = await asker.get(REFUSALS, learner_id=LEARNER)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert (await asker.get("/health/live")).status_code == 200
