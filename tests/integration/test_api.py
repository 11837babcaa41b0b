"""The API over HTTP and a real Cassandra: every path, both outcomes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from api.documents import MessagePage, Problem, Thread, ThreadPage
from api.serve import serve
from chat.domain.model import Message, Status, ThreadKey
from chat.domain.model import Thread as Written
from chat.jwks import parse
from chat.keyring import Keyring
from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings
from chat.storage.cassandra_store import CassandraStore
from chat.storage.history import Place
from chat.storage.session import Connection
from chat.storage.token_keys import SharedKeyring
from chat.storage.writes import MessageWrite, ThreadWrite
from tests.api_client import LEARNER, TENANT, ApiClient, key_of, message_at, seqs, shown_thread
from tests.key_server import key_server
from tests.keyspace import keyspace
from tests.proxy import Proxy
from tests.records import NOW, settings_for_tests, token, uid
from tests.signing import Signer, jwk_set
from tests.stores import store_of
from tests.wait import until_async

YEAR = 365 * 86_400
LENGTH = 1_203
KEY = key_of(1)
THREAD = f"/api/v1/threads/{KEY.thread_id}"
MESSAGES = f"{THREAD}/messages"
PATHS = (f"/api/v1/threads?learner_id={LEARNER}", THREAD, MESSAGES, f"{MESSAGES}/{uid(2, 7)}")


@pytest.fixture(scope="module")
def house(servers: Addresses) -> Iterator[Settings]:
    """A keyspace with a conversation in it, without a limit of requests."""
    with keyspace(servers) as settings:
        open_house = changed(settings, enable_rate_limiting=False, api_port=0)
        asyncio.run(_fill(open_house))
        yield open_house


@pytest.fixture
async def client(house: Settings) -> AsyncIterator[ApiClient]:
    async with serving(house) as one:
        await ready(one)
        yield one


def changed(settings: Settings, **changes: Any) -> Settings:
    """Other settings, judged anew."""
    return settings_for_tests(**settings.model_dump() | changes)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[ApiClient]:
    """A client of an API of these settings."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    served = asyncio.create_task(serve(settings, stop, address.set_result))
    one = ApiClient(httpx.AsyncHTTPTransport(), token(TENANT), await address)
    yield one
    await one.http.aclose()
    stop.set()
    await served


async def ready(client: ApiClient, status: int = 200) -> None:
    """Returns once `/health/ready` answers with that status."""

    async def answers() -> bool:
        return (await client.get("/health/ready")).status_code == status

    await until_async(answers, 60, f"/health/ready answering {status}")


async def _fill(settings: Settings) -> None:
    """Writes what the worker would."""
    connection = await Connection.open(settings)
    store = await store_of(connection, settings, 10 * YEAR)
    await write(store, KEY, [message_at(seq) for seq in range(1, LENGTH + 1)])
    await connection.close()


async def write(store: CassandraStore, key: ThreadKey, messages: list[Message], later: int = 0) -> None:
    """One thread with its messages, in the order of the worker's writes, so many µs later than another time."""
    thread = Written(
        key.thread_id,
        shown_thread().details,
        Status.LIVE,
        len(messages),
        1,
        1,
        NOW * 1000,
        NOW * 1000 + later,
        NOW,
    )
    rows = [MessageWrite(key, message, NOW * 1000 + message.seq + later) for message in messages]
    whole = [ThreadWrite(key, thread, rows, details=True)]
    await store.claim(key)
    for start in range(0, len(rows), 100):
        await store.write_messages(rows[start : start + 100], [])
    await store.commit(whole)
    await store.write_list(whole)


async def test_what_the_worker_writes_is_what_is_read(client: ApiClient) -> None:
    """A thread with its messages, whole and in order, over three buckets, both ways."""
    Thread.model_validate(thread := await client.json(THREAD))
    assert (thread["title"], thread["last_seq"], thread["unread"]) == ("Fractions", LENGTH, LENGTH)
    pages = [page async for page in client.pages(MESSAGES, limit=200)]
    for page in pages:
        MessagePage.model_validate(page)
    assert [seq for page in pages for seq in seqs(page["items"])] == list(range(LENGTH, 0, -1))
    upwards = await client.items(MESSAGES, limit=73, after_seq=0)
    assert [(one["seq"], one["content"]) for one in upwards] == [
        (seq, f"message {seq}") for seq in range(1, LENGTH + 1)
    ]
    ThreadPage.model_validate(listed := await client.json("/api/v1/threads", learner_id=LEARNER))
    assert thread in listed["items"]
    assert await client.json(f"{MESSAGES}/{uid(2, 501)}") == upwards[500]


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_has_both_outcomes(client: ApiClient, path: str) -> None:
    """200 to whom the thread is shown; 404, 403 and 401 to the others, as problems."""
    assert (await client.get(path)).status_code == 200
    out_of_scope, no_permission = token(TENANT, learners=["learner-2"]), token(TENANT, permissions=[])
    bearers = {404: out_of_scope, 403: no_permission, 401: token(TENANT, now=0, ttl=1)}
    for status, client.bearer in bearers.items():
        response = await client.get(path)
        assert response.status_code == status
        assert Problem.model_validate_json(response.content).status == status


async def test_what_one_holds_is_not_sent_again(client: ApiClient, house: Settings) -> None:
    """304 for a thread and a message, until it is written anew, though in the same millisecond."""
    key = key_of(2)
    connection = await Connection.open(house)
    store = await store_of(connection, house, 10 * YEAR)
    await write(store, key, [message_at(1, 2)])
    path = f"/api/v1/threads/{key.thread_id}"
    one = f"{path}/messages/{uid(2, 1)}"
    for later, shown in enumerate((path, one), 1):
        held = {"if-none-match": (await client.get(shown)).headers["etag"]}
        assert (await client.get(shown, headers=held)).status_code == 304
        await write(store, key, [message_at(1, 2, content=f"write {later}")], later)
        assert (await client.get(shown, headers=held)).status_code == 200
    await connection.close()


async def test_what_is_open_to_all(client: ApiClient) -> None:
    """No token for what the service says of itself."""
    client.bearer = None
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"):
        assert (await client.get(path)).status_code == 200
    assert (await client.json("/health")) == {"status": "ready", "cassandra": "up", "kafka": "up"}


async def test_a_cursor_of_one_process_is_good_in_another(client: ApiClient, house: Settings) -> None:
    """Processes of one keyspace share the cursors' secret; a changed one is 400 in each."""
    cursor = (await client.json(MESSAGES, limit=3))["next_cursor"]
    async with serving(house) as other:
        await ready(other)
        assert seqs((await other.json(MESSAGES, limit=3, cursor=cursor))["items"]) == [1200, 1199, 1198]
        assert (await other.get(MESSAGES, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B"))).status_code == 400


async def test_a_learner_may_have_more_threads_than_the_driver_gives_at_once(
    client: ApiClient, house: Settings
) -> None:
    """6,000 threads of one learner are listed once each, in order, page by page to the last."""
    connection = await Connection.open(house)
    store = await store_of(connection, house, YEAR)
    learner = key_of(1, learner="busy").learner
    times = [(NOW + number // 2) * 1000 for number in range(6_000)]
    threads = [
        Written(uid(7, number), shown_thread().details, Status.LIVE, 0, 1, 1, time, time, time // 1000)
        for number, time in enumerate(times)
    ]
    rows = [ThreadWrite(ThreadKey(learner, one.thread_id), one, [], details=True) for one in threads]
    for start in range(0, len(rows), 50):
        await store.write_list(rows[start : start + 50])
    listed = sorted((Place(one.active_at, one.thread_id) for one in threads), key=lambda one: one.rank)
    await connection.close()
    found = await client.items("/api/v1/threads", learner_id="busy", limit=200)
    assert [one["thread_id"] for one in found] == [one.thread_id for one in listed]


async def test_cassandra_may_come_late_and_go(house: Settings) -> None:
    """The API starts without it, says so, answers 503, and recovers by itself, each time."""
    proxy = Proxy(house.cassandra_contact_points[0], house.cassandra_port, free_port())
    async with serving(changed(house, cassandra_port=proxy.port)) as client:
        for _ in range(2):
            await ready(client, 503)
            assert (await client.json("/health/live")) == {"status": "live"}
            assert (await client.get("/health")).json()["cassandra"] == "down"
            refused = await client.get(MESSAGES)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            await proxy.open()
            await ready(client)
            assert seqs((await client.json(MESSAGES, limit=1))["items"]) == [LENGTH]
            await proxy.close()


async def test_without_kafka_history_is_still_read(house: Settings) -> None:
    """Kafka being away makes the API not ready, and keeps nobody from reading."""
    async with serving(changed(house, kafka_bootstrap_servers=(f"127.0.0.1:{free_port()}",))) as client:
        await until_async(lambda: _cassandra_is(client, "up"), what="Cassandra being up")
        response = await client.get("/health/ready")
        assert (response.status_code, response.json()["kafka"]) == (503, "down")
        assert (await client.get(MESSAGES)).status_code == 200


async def _cassandra_is(client: ApiClient, state: str) -> bool:
    return bool((await client.get("/health")).json()["cassandra"] == state)


async def test_keys_of_a_server_open_the_door(house: Settings) -> None:
    """Tokens of its keys are good, a new key's at once; without it a new process knows what the workers knew."""
    one, two = Signer.new("one", "RS256"), Signer.new("two")
    with key_server(one) as server:
        settings = changed(house, jwt_secret_key="", jwt_jwks_url=server.address)
        async with serving(settings) as client:
            await ready(client)
            client.bearer = one.token()
            assert (await client.get(THREAD)).status_code == 200
            server.signers.append(two)
            client.bearer = two.token()
            assert (await client.get(THREAD)).status_code == 200
        server.stop()
        async with serving(settings) as client:
            await ready(client)
            client.bearer = one.token()
            assert (await client.get(THREAD)).status_code == 503
        await _keep(settings, parse(jwk_set([one])))
        async with serving(settings) as client:
            await ready(client)
            client.bearer = one.token()
            assert (await client.get(THREAD)).status_code == 200
            client.bearer = two.token()
            assert (await client.get(THREAD)).status_code == 503


async def _keep(settings: Settings, jwks: list[str]) -> None:
    """Keeps keys as a worker would."""
    connection = await Connection.open(settings)
    assert await SharedKeyring(connection).swap(Keyring(), Keyring().fetched(jwks, NOW))
    await connection.close()


async def test_keys_of_a_file_open_the_same_door(house: Settings, tmp_path: Path) -> None:
    """With a JWKS, tokens of its keys are read and cursors work; those of the secret are none."""
    key = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "a"}]}))
    claims = {"user_id": "u", "tenant_id": TENANT, "learner_scope": ["*"], "role": "teacher", "exp": time.time() + 60}
    async with serving(changed(house, jwt_secret_key="", jwt_jwks_url=str(path))) as client:
        await ready(client)
        assert (await client.get(THREAD)).status_code == 401
        client.bearer = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "a"})
        assert len(await client.items(MESSAGES, limit=200)) == LENGTH
