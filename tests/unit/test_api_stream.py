"""The stream's route: who may listen, what a request may say, and how its answer ends."""

import asyncio
from typing import Any, cast

import pytest
from fastapi import FastAPI

from api import bounded_sending
from api.live.rooms import Rooms
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import TENANT, ApiClient, client_of, key_of, make_app, put_conversation
from tests.connection import Connection
from tests.records import token, uid
from tests.sse import parse, seqs
from tests.wait import until_async

PATH = f"/api/v1/threads/{uid(1, 1)}/stream"


async def application(seconds: float = 0.2, **settings: Any) -> tuple[FastAPI, Rooms]:
    """A reader's application over a thread of three messages, whose events are followed; streams end by themselves."""
    history = MemoryHistory()
    await put_conversation(history, key_of(1), 3)
    rooms = Rooms(history, settings.pop("listeners", 10), seconds)
    return make_app(history, rooms=rooms, **settings), rooms


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No topic is followed here: nobody waits for it."""
    monkeypatch.setattr("api.live.room.POSITION_SECONDS", 0.01)


@pytest.fixture
async def client() -> ApiClient:
    return client_of((await application())[0])


async def test_it_is_a_stream_of_events_that_nobody_keeps_back(client: ApiClient) -> None:
    """Its type, and what tells proxies neither to store, nor to gather, nor to change it."""
    answer = await client.get(PATH, headers={"last-event-id": "1"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["cache-control"] == "no-store, no-transform"
    seen = parse(answer.text)
    assert [one.event for one in seen] == ["resync", "message", "message", "waiting", "end"]
    assert seqs(seen) == [2, 3]
    shown = (await client.json(f"/api/v1/threads/{uid(1, 1)}/messages"))["items"]
    assert [one.data for one in seen if one.event == "message"] == shown[1::-1]


@pytest.mark.parametrize("given", ["x", "-1", "1.0", " 1", "1_0", "0x1", "²", str(2**63), "1" * 30, "1,2"])
async def test_what_is_no_seq_is_refused(client: ApiClient, given: str) -> None:
    """400 names the header and does not repeat what it holds."""
    answer = await client.get(PATH, headers={"last-event-id": given.encode()})
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["Last-Event-ID"]
    assert given == "1" or given not in answer.json()["errors"][0]["rule"]


async def test_no_seq_is_as_good_as_none(client: ApiClient) -> None:
    """An empty `Last-Event-ID` is what some clients send before they have any."""
    answer = await client.get(PATH, headers={"last-event-id": ""})
    assert parse(answer.text)[0].data == {"last_seq": 3, "after_seq": 3}


async def test_unknown_parameters_are_refused(client: ApiClient) -> None:
    """As everywhere: a misspelt one is not passed over."""
    assert (await client.get(PATH, after_seq=1)).status_code == 400


@pytest.mark.parametrize(("bearer", "status"), [
    (None, 401),
    (token(TENANT, now=0, ttl=1), 401),
    (token(TENANT, permissions=["threads:read"]), 403),
    (token(TENANT, learners=["learner-2"]), 404),
    (token("tenant-2"), 404),
    (token(TENANT, permissions=["messages:read"]), 200),
])  # fmt: skip
async def test_who_may_listen(client: ApiClient, bearer: str | None, status: int) -> None:
    """Whoever may read the thread's messages."""
    client.bearer = bearer
    assert (await client.get(PATH)).status_code == status


@pytest.mark.parametrize("thread", [uid(1, 2), "x"])
async def test_what_is_not_there_is_404(client: ApiClient, thread: str) -> None:
    """With the one body for all that a caller may not see."""
    answer = await client.get(f"/api/v1/threads/{thread}/stream")
    assert answer.status_code == 404
    assert answer.json() == (await client.get("/api/v1/threads/y")).json()


async def test_more_than_it_may_serve_is_503() -> None:
    """With the seconds to wait; an ended stream makes room."""
    app, rooms = await application(seconds=30, listeners=1)
    client = client_of(app)
    first = asyncio.create_task(client.get(PATH))
    await rooms.somebody()
    full = await client.get(PATH)
    assert (full.status_code, full.headers["retry-after"], full.json()["code"]) == (503, "5", "unavailable")
    rooms.close()
    assert parse((await first).text)[-1].data == {"reason": "stopping"}
    assert not rooms.learners()


async def test_head_listens_to_nothing() -> None:
    """The headers of a stream that would not end, at once."""
    app, rooms = await application(seconds=3600)
    client = client_of(app)
    headers = {"authorization": f"Bearer {client.bearer}"}
    answer = await asyncio.wait_for(client.http.head(PATH, headers=headers), 5)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert not rooms.learners()
    assert (await client.http.head(PATH)).status_code == 401


async def test_head_finds_no_thread_that_get_does_not_find() -> None:
    """A deleted thread has an owner still."""
    app, rooms = await application()
    await cast(MemoryHistory, app.state.read_side.history).delete_thread(key_of(1))
    client = client_of(app)
    answer = await client.http.head(PATH, headers={"authorization": f"Bearer {client.bearer}"})
    assert (answer.status_code, (await client.get(PATH)).status_code) == (404, 404)
    assert not rooms.learners()


async def test_a_connect_counts_as_a_request() -> None:
    """The stream's answer says how many are left, and the last one more is refused."""
    client = client_of((await application(enable_rate_limiting=True, rate_limit=2))[0])
    assert [(await client.get(PATH)).status_code for _ in range(3)] == [200, 200, 429]


async def test_another_sites_page_may_listen() -> None:
    """A page of an allowed origin asks whether it may send `Last-Event-ID`, and may."""
    client = client_of((await application(cors_origins=("https://school.example",)))[0])
    asked = {
        "origin": "https://school.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization, last-event-id",
    }
    assert (await client.http.options(PATH, headers=asked)).status_code == 200
    answer = await client.get(PATH, headers={"origin": "https://school.example"})
    assert answer.headers["access-control-allow-origin"] == "https://school.example"


def connected(app: FastAPI) -> Connection:
    """A client that takes the beginning and no more."""
    return Connection(app, PATH, token(TENANT), lambda body: b"resync" in body)


async def test_a_client_that_goes_leaves_nothing_behind() -> None:
    """Its listener is told nothing more."""
    app, rooms = await application(seconds=3600)
    connection = connected(app)
    running = asyncio.create_task(connection.run())
    await until_async(lambda: b"resync" in connection.body)
    assert rooms.learners()
    connection.gone.set()
    await running
    assert not rooms.learners()


async def test_a_client_that_takes_nothing_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it stays in memory."""
    monkeypatch.setattr(bounded_sending, "SEND_SECONDS", 0.05)
    app, rooms = await application(seconds=3600)
    connection = connected(app)
    await connection.run()
    assert connection.broken_off
    assert not connection.complete
    assert not rooms.learners()
