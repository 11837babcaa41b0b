"""So many requests a minute an address."""

import time
from typing import Any

import pytest

from api.client_address import ClientAddress
from chat.errors import BadSetting
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, client_of, make_app

PROXY = "10.0.0.1"


def limited(address: str = "192.0.2.1", **settings: Any) -> ApiClient:
    """A client of an application that lets three requests a minute through."""
    app = make_app(MemoryHistory(), **{"enable_rate_limiting": True, "rate_limit": 3, **settings})
    return client_of(app, address=address)


async def test_one_too_many_is_refused() -> None:
    """429 with how long to wait, and the limit's headers on every answer."""
    client = limited()
    answers = [await client.get("/") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"address";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["ratelimit-policy"] == '"address";q=3;w=60'
    assert refused.headers["content-type"] == "application/problem+json"


async def test_after_a_minute_one_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window ends sixty seconds after its first request."""
    client, now = limited(), time.time()
    assert [(await client.get("/")).status_code for _ in range(4)][-1] == 429
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert (await client.get("/")).status_code == 200


async def test_every_request_counts_whatever_its_answer() -> None:
    """Unknown paths and refused tokens too: guessing is what the limit is for."""
    client = limited()
    client.bearer = "nonsense"
    await client.get("/api/v1/threads", learner_id="x")
    await client.get("/nowhere")
    await client.http.post("/")
    assert (await client.get("/")).status_code == 429


async def test_health_and_metrics_are_exempt() -> None:
    """They are answered, uncounted, also to one who has asked for too much."""
    client = limited()
    paths = ("/health", "/health/live", "/health/ready", "/metrics")
    assert [(await client.get(path)).status_code for path in paths * 2] == [200] * 8
    assert [(await client.get("/")).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [(await client.get(path)).status_code for path in paths] == [200] * 4


async def test_it_can_be_turned_off() -> None:
    """ENABLE_RATE_LIMITING=false lets everything through and says nothing of limits."""
    client = limited(enable_rate_limiting=False)
    answers = [await client.get("/") for _ in range(5)]
    assert {one.status_code for one in answers} == {200}
    assert "ratelimit" not in answers[0].headers


async def test_addresses_are_counted_apart() -> None:
    """One who asks too much keeps nobody else out."""
    app = make_app(MemoryHistory(), enable_rate_limiting=True, rate_limit=1)
    one, other = client_of(app, address="192.0.2.1"), client_of(app, address="192.0.2.2")
    assert [(await one.get("/")).status_code for _ in range(2)] == [200, 429]
    assert (await other.get("/")).status_code == 200


async def test_a_header_that_anybody_can_write_is_no_address() -> None:
    """Without a trusted proxy, `X-Forwarded-For` gives nobody a fresh count."""
    client = limited()
    answers = [await client.get("/", headers={"x-forwarded-for": f"198.51.100.{one}"}) for one in range(4)]
    assert answers[-1].status_code == 429


async def test_behind_a_trusted_proxy_the_header_counts() -> None:
    """Two clients of one proxy are two, and what a client puts in front changes nothing."""
    client = limited(PROXY, rate_limit=1, trusted_proxies=("10.0.0.0/8",))
    headers = [{"x-forwarded-for": value} for value in ("198.51.100.1", "198.51.100.2", "203.0.113.9, 198.51.100.1")]
    assert [(await client.get("/", headers=one)).status_code for one in headers] == [200, 200, 429]


@pytest.mark.parametrize(("peer", "header", "client"), [
    ("192.0.2.1", None, "192.0.2.1"),
    ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
    (PROXY, None, PROXY),
    (PROXY, "198.51.100.1", "198.51.100.1"),
    (PROXY, "198.51.100.1, 10.9.9.9", "198.51.100.1"),
    (PROXY, "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
    (PROXY, "10.1.1.1, 10.2.2.2", "10.1.1.1"),
    (PROXY, "198.51.100.1, nonsense, 10.9.9.9", "10.9.9.9"),
    (PROXY, "", PROXY),
    (PROXY, "2001:db8::1", "2001:db8::1"),
    (PROXY, "::ffff:198.51.100.1", "198.51.100.1"),
    ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("2001:db8:ffff::1", "198.51.100.1", "198.51.100.1"),
])  # fmt: skip
def test_the_nearest_address_that_is_no_proxy_is_the_clients(peer: str, header: str | None, client: str) -> None:
    """Read from the right, as far as trusted proxies go."""
    headers = [] if header is None else [(b"x-forwarded-for", header.encode())]
    scope = {"type": "http", "client": (peer, 1), "headers": headers}
    assert ClientAddress(["10.0.0.0/8", "2001:db8:ffff::/48"]).of(scope) == client


def test_headers_that_stand_twice_are_one_list() -> None:
    """A proxy may add a line of its own."""
    headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"198.51.100.1")]
    assert ClientAddress([PROXY]).of({"type": "http", "client": (PROXY, 1), "headers": headers}) == "198.51.100.1"


def test_a_peer_without_address_is_one_client() -> None:
    """As on a Unix socket."""
    assert ClientAddress([PROXY]).of({"type": "http", "client": None, "headers": []}) == ""


def test_a_wrong_proxy_stops_the_process() -> None:
    """TRUSTED_PROXIES is named, its value is not repeated."""
    with pytest.raises(BadSetting, match="TRUSTED_PROXIES") as caught:
        make_app(MemoryHistory(), enable_rate_limiting=True, trusted_proxies=("proxy.example",))
    assert "proxy.example" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "memory://", "memcached://h", "redis://:secret@h:port", "redis://h:1?db=x", "redis://h", "h:6379", "redis",
])  # fmt: skip
def test_a_wrong_address_of_redis_stops_the_process(url: str) -> None:
    """REDIS_URL is named, its value is not repeated."""
    assert limited(redis_url="redis://:secret@192.0.2.1:6379/0") is not None
    with pytest.raises(BadSetting, match="REDIS_URL") as caught:
        limited(redis_url=url)
    assert "secret" not in str(caught.value)
