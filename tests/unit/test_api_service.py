"""What the service says of itself, and how it answers where it cannot answer well."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from api.client_address import ClientAddress
from api.documents import Liveness, Problem, Readiness, Service
from api.health import Health
from api.middleware import Observed, SecurityHeaders, Unfailing
from api.rate_limit import RateLimit
from api.request_count import RequestCount, storage_at
from chat.errors import BrokerUnavailable, StorageUnavailable
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import LEARNER, ApiClient, Broken, client_of, make_app
from tests.records import token, uid

THREAD = f"/api/v1/threads/{uid(1, 1)}"
WORDS = "a child's words"
"""Apart from where they are used: a stack in the log shows lines of the test's own source."""


class Servers:
    """Cassandra and Kafka as a health check finds them."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.asked = 0

    async def cassandra(self) -> None:
        self.asked += 1
        if "cassandra" in self.away:
            raise StorageUnavailable

    async def kafka(self) -> None:
        if "kafka" in self.away:
            raise BrokerUnavailable

    async def silent(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def servers() -> Servers:
    return Servers()


def app_with(servers: Servers) -> FastAPI:
    """An application that looks after these servers."""
    return make_app(MemoryHistory(), Health({"cassandra": servers.cassandra, "kafka": servers.kafka}))


@pytest.fixture
def client(servers: Servers) -> ApiClient:
    nobody = client_of(app_with(servers))
    nobody.bearer = None
    return nobody


async def test_nobody_needs_a_token_to_ask_what_this_is(client: ApiClient) -> None:
    """Service, health, metrics and description are open to all."""
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"):
        assert (await client.get(path)).status_code == 200


async def test_the_service_names_itself_and_its_features(client: ApiClient) -> None:
    """Name, version and what is on; what does not exist yet is off, though its setting is on."""
    found = await client.json("/")
    Service.model_validate(found)
    assert found["service"] == "aivo-chat"
    assert found["features"]["rate_limiting"] is False
    assert found["features"]["message_encryption"] is True
    assert found["features"]["privacy"] is True
    assert found["features"]["privacy_export"] is True


@pytest.mark.parametrize("away", [{"cassandra"}, {"kafka"}, {"cassandra", "kafka"}])
async def test_readiness_names_who_is_away(client: ApiClient, servers: Servers, away: set[str]) -> None:
    """503 with each server's state; liveness asks neither."""
    servers.away = away
    for path in ("/health", "/health/ready"):
        response = await client.get(path)
        Readiness.model_validate_json(response.content)
        assert response.status_code == 503
        assert response.json() == {"status": "not ready"} | {
            name: "down" if name in away else "up" for name in ("cassandra", "kafka")
        }
    live = await client.get("/health/live")
    Liveness.model_validate_json(live.content)
    assert live.status_code == 200


async def test_liveness_asks_no_server(client: ApiClient, servers: Servers) -> None:
    """However often one asks."""
    await client.json("/health/live")
    assert servers.asked == 0
    assert (await client.json("/health/ready"))["status"] == "ready"
    assert servers.asked == 1


async def test_many_askers_cost_one_question(client: ApiClient, servers: Servers) -> None:
    """An answer counts for a second."""
    await asyncio.gather(*(client.json("/health") for _ in range(10)))
    assert servers.asked == 1


async def test_a_server_that_does_not_answer_is_down(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A health check waits a little, not for ever."""
    monkeypatch.setattr("api.health.PATIENCE_SECONDS", 0.01)
    assert await Health({"cassandra": servers.silent, "kafka": servers.kafka}).states() == {
        "cassandra": "down", "kafka": "up",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "status", "code"), [
    ("/nowhere", 404, "not_found"),
    ("/api/v1/threads/", 404, "not_found"),
    (THREAD, 401, "unauthenticated"),
    (f"/api/v1/threads?learner_id={LEARNER}", 401, "unauthenticated"),
])  # fmt: skip
async def test_problems_have_one_form(client: ApiClient, path: str, status: int, code: str) -> None:
    """RFC 9457, kept by nobody."""
    response = await client.get(path)
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.status, problem.code) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_nothing_can_be_written(client: ApiClient, method: str) -> None:
    """405 with what is allowed: commands go through Kafka."""
    response = await client.http.request(method, THREAD)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"


async def test_a_store_that_is_away_is_503() -> None:
    """With `Retry-After`, and without the store's own words."""
    response = await client_of(make_app(Broken(StorageUnavailable("10.0.0.7 timed out")))).get(THREAD)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "1"
    assert "10.0.0.7" not in response.text


async def test_an_error_of_ours_is_500_without_details(capsys: pytest.CaptureFixture[str]) -> None:
    """The caller learns nothing of it, the log where it was and not what it held."""
    response = await client_of(make_app(Broken(ValueError(WORDS)))).get(THREAD)
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.headers["x-content-type-options"] == "nosniff"
    logged = "".join(capsys.readouterr())
    assert "ValueError" in logged
    assert response.headers["x-request-id"] in logged
    assert WORDS not in logged + response.text


async def test_an_answer_that_breaks_off_is_not_begun_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the answer has begun, the server must end the connection: no second answer goes into the first."""
    sent = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(ValueError):  # noqa: PT011 - the very one that was raised
        await Observed(Unfailing(app))({"type": "http", "method": "GET", "headers": []}, _nothing, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert "request_failed" in "".join(capsys.readouterr())


async def test_what_is_no_request_passes_through() -> None:
    """The server's own events are none of a request's layers' business."""
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    layers = SecurityHeaders(Observed(Unfailing(RateLimit(app, RequestCount(1, storage_at("")), ClientAddress(())))))
    await layers({"type": "lifespan"}, _nothing, _nothing)
    assert seen == [{"type": "lifespan"}]


async def _nothing(*_values: object) -> Any:
    """Receives and sends nothing."""


async def test_metrics_count_by_route_not_by_path(client: ApiClient) -> None:
    """No id of a thread and no made-up path becomes a label."""
    await client.get(THREAD)
    await client.get("/made/up")
    await client.http.request("BREW", "/")
    text = (await client.get("/metrics")).text
    assert 'route="/api/v1/threads/{thread_id}",status="401"' in text
    assert 'route="none",status="404"' in text
    assert 'method="other"' in text
    assert uid(1, 1) not in text
    assert "made/up" not in text


async def test_a_token_is_not_asked_for_twice(client: ApiClient) -> None:
    """A request with a good token on an open path is served like one without."""
    client.bearer = token()
    assert (await client.get("/health/live")).status_code == 200
