"""The service on servers that ask who one is, each process with the rights of its role and no others."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from chat.errors import BrokerRefused, StorageRefused
from chat.kafka import librdkafka
from chat.sdk import Change, Event, EventConsumer, Producer
from chat.servers.free_port import free_port
from chat.settings import Settings
from chat.storage.session import Connection
from chat.topic_specs import Topic
from tests.api_process import Start, api_processes, serves
from tests.authority import Authority
from tests.conftest import StartWorker
from tests.erasure_worker import PROGRAM as ERASURE_WORKER
from tests.fault.link import linked
from tests.proxy import Proxy
from tests.records import token
from tests.secured_house import CASSANDRA_ROLES, KAFKA_ROLES, WAYS, SecuredHouse, secured_house
from tests.secured_servers import tables
from tests.sse import parse
from tests.wait import until

WHOSE = {"tenant_id": "tenant-1", "learner_id": "learner-1"}
PLANTED = "planted-"
"""How every password of the house begins."""

ELSEWHERE = "127.0.0.2"
"""An address that is in no certificate."""

COMMANDS, PRIVACY, EVENTS = "chat.commands", "chat.privacy.commands", "chat.events"
REJECTIONS, LETTERS = "chat.rejections", "chat.dead-letter"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredHouse]:
    with secured_house(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture
def start_api(tmp_path: Path) -> Iterator[Start]:
    with api_processes(tmp_path) as start:
        yield start


def create(**fields: object) -> dict[str, object]:
    ids = {"command_id": str(uuid.uuid4()), "thread_id": str(uuid.uuid4())}
    return {"type": "CreateThread", **WHOSE, **ids, "title": "Hello", **fields}


def get(address: str, path: str, role: str = "teacher") -> httpx.Response:
    return httpx.get(f"{address}{path}", headers={"Authorization": f"Bearer {token(role=role)}"}, timeout=30)


@pytest.mark.parametrize("way", WAYS)
def test_every_client_gets_in(house: SecuredHouse, way: str, start_worker: StartWorker, start_api: Start) -> None:
    """Worker, API, producers, consumer and program do their work by that way, with the rights of their roles."""
    worker = start_worker(house.settings("worker", way, log_level="DEBUG"))
    api = start_api(house.settings("api", way, api_port=0, log_level="DEBUG"))
    address = api.address()
    worker.until_ready()
    until(lambda: serves(address), what="the API being ready")
    thread = create()
    waiting = house.settings("waiting-producer", way)
    sent = house.chat(waiting, CHAT_TOKEN=token()).run("send", "--wait", stdin=json.dumps(thread))
    assert (sent.status, sent.err, [line["outcome"] for line in sent.lines]) == (0, "", ["applied"])
    posted = {"type": "PostMessage", **WHOSE, "thread_id": thread["thread_id"], "content": "words"}
    with Producer(house.settings("producer", way), token=token(), outcomes=False) as producer:
        assert producer.send(posted).position(60).topic == COMMANDS
    with EventConsumer(f"events-{way}", house.settings("reader", way)) as events:
        told = next(one for one in events.changes(idle_seconds=60) if thread["command_id"] == _command_of(one))
    assert isinstance(told, Event)
    assert _streamed(address, str(thread["thread_id"])) == ["resync", "message"]
    assert get(address, f"/api/v1/threads/{thread['thread_id']}/messages").json()["last_seq"] == 1
    tailed = house.chat(house.settings("compliance", way)).run("tail", "--from", "earliest", "--until-end")
    assert (tailed.status, tailed.err) == (0, "")
    printed: list[Any] = list(tailed.lines)
    assert thread["thread_id"] in [line.get("data", {}).get("thread_id") for line in printed]
    metrics = worker.get("/metrics")[1] + httpx.get(f"{address}/metrics", timeout=60).text
    assert worker.stop() == 0
    said = worker.log.read_text() + api.log.read_text()
    assert "chat_outcomes_total" in metrics
    assert "api_serves" in said
    assert PLANTED not in metrics + said + tailed.out


def _command_of(change: Change) -> str | None:
    return change.command_id if isinstance(change, Event) else None


def _streamed(address: str, thread: str) -> list[str]:
    """The first two events of a live stream, of a client that has nothing yet."""
    headers = {"Authorization": f"Bearer {token()}", "Last-Event-ID": "0"}
    text = ""
    with httpx.stream("GET", f"{address}/api/v1/threads/{thread}/stream", headers=headers, timeout=30) as answer:
        for piece in answer.iter_text():
            text += piece
            if len(parse(text)) >= 2:
                break
    return [one.event for one in parse(text)]


def test_compliance_has_what_it_needs(house: SecuredHouse, start_worker: StartWorker, start_api: Start) -> None:
    """An export, an erasure and the search for what is left are done by compliance's rights and the worker's."""
    worker = start_worker(house.settings("worker"), program=(ERASURE_WORKER,)).until_ready()
    thread = create(learner_id="learner-2")
    with Producer(house.settings("waiting-producer"), token=token()) as producer:
        assert producer.send(thread).outcome(120).succeeded
    settings = house.settings("compliance", api_port=free_port())
    chat = house.chat(settings, CHAT_TOKEN=token(role="compliance"))
    learner = ("--tenant=tenant-1", "--learner=learner-2")
    bundle = house.folder / "bundle.zip"
    start_api(house.settings("api", api_port=settings.api_port)).address()
    exported = chat.run("privacy", "export", *learner, f"--out={bundle}", "--timeout=120")
    assert (exported.status, exported.err) == (0, "")
    assert bundle.read_bytes()[:2] == b"PK"
    for action in (["hold", *learner, "--reason=lawsuit"], ["hold", *learner, "--release"]):
        held = chat.run("privacy", *action)
        assert (held.status, held.err) == (0, ""), action
    assert chat.run("privacy", "delete", *learner, "--wait").status == 0
    until(lambda: _states(chat.run("privacy", "status", *learner, "--json").lines) == {"completed"}, 60, "its end")
    found = chat.run("privacy", "verify", *learner)
    assert "learner-2" not in found.out + found.err
    assert found.status in {0, 1}, found.err  # what is not trimmed yet may be found
    assert worker.stop() == 0


def _states(lines: list[dict[str, Any]]) -> set[str]:
    return {line["state"] for line in lines}


def _wrong(house: SecuredHouse, folder: Path) -> dict[str, tuple[Settings, int, str]]:
    """What is wrong: a worker's settings, its exit status, and what its last line says."""
    stranger = Authority(folder, "stranger")
    forged = stranger.sign("chat-worker")
    by_login, by_token = house.settings("worker"), house.settings("worker", "token")
    by_certificate = house.settings("worker", "certificate")
    none = {"kafka_ssl_certfile": None, "kafka_ssl_keyfile": None}
    another = {"kafka_ssl_certfile": forged.certificate, "kafka_ssl_keyfile": forged.key, "kafka_ssl_key_password": ""}
    no_client = {"cassandra_ssl_certfile": None, "cassandra_ssl_keyfile": None}
    other_client = {"cassandra_ssl_certfile": forged.certificate, "cassandra_ssl_keyfile": forged.key}
    wrong: dict[str, tuple[Settings, dict[str, Any], int, str]] = {
        "Kafka's password": (by_login, {"kafka_sasl_password": "planted-no"}, 71, "invalid credentials"),
        "Kafka's client secret": (by_token, {"kafka_sasl_password": "planted-no"}, 71, "KAFKA_SASL_OAUTH_TOKEN_URL"),
        "Kafka's authority": (by_login, {"kafka_ssl_cafile": stranger.file}, 71, "certificate verify failed"),
        "no certificate for Kafka": (by_certificate, none, 71, "alert bad certificate"),
        "a stranger's certificate for Kafka": (by_certificate, another, 71, "alert bad certificate"),
        "the key's password": (
            by_certificate,
            {"kafka_ssl_key_password": "planted-no"},
            78,
            "_KEY_PASSWORD: not usable",
        ),
        "no right": (
            house.settings("reader", cassandra_username="cassandra", cassandra_password="cassandra"),
            {},
            71,
            "authorization failed",
        ),
        "Cassandra's password": (by_login, {"cassandra_password": "planted-no"}, 70, "AuthenticationFailed"),
        "Cassandra's authority": (by_login, {"cassandra_ssl_cafile": stranger.file}, 70, "not to be trusted"),
        "no certificate for Cassandra": (by_login, no_client, 70, "CERTIFICATE_REQUIRED"),
        "a stranger's certificate for Cassandra": (by_login, other_client, 70, "CASSANDRA_SSL_CERTFILE"),
    }
    return {
        name: (good.model_copy(update=change), status, said) for name, (good, change, status, said) in wrong.items()
    }


def test_whoever_is_not_let_in_ends_and_says_why(
    house: SecuredHouse, start_worker: StartWorker, tmp_path: Path
) -> None:
    """A worker with a wrong password, certificate or right ends with its status, and its last line names what is wrong;
    one whose identity provider is away waits, says so, and serves once it gets its token.
    """
    endpoint = house.servers.endpoint.another()
    patient = start_worker(house.settings("worker", "token", kafka_sasl_oauth_token_url=endpoint.tokens))
    wrong = _wrong(house, tmp_path)
    started = {name: start_worker(settings) for name, (settings, *_) in wrong.items()}
    for name, (_, status, said) in wrong.items():
        assert started[name].exit_status(360) == status, (name, started[name].tail(3))
        assert said in started[name].tail(1), name
        assert PLANTED not in started[name].log.read_text(), name
    until(lambda: patient.ready()[1].get("waiting_for") == ["kafka"], 60, "its waiting")
    endpoint.start()
    patient.until_ready()
    endpoint.stop()
    assert PLANTED not in patient.log.read_text()


def test_a_server_under_another_name_is_not_trusted(house: SecuredHouse, start_worker: StartWorker) -> None:
    """Its certificate is the right authority's, for another address than the one that was asked: a worker ends."""
    good = house.settings("worker")
    kafka_port = int(house.servers.kafka.by_login.rpartition(":")[2])
    proxies = [Proxy("127.0.0.1", port, free_port(), ELSEWHERE) for port in (kafka_port, good.cassandra_port)]
    with linked(*proxies) as (kafka, cassandra):
        at_kafka = {"kafka_bootstrap_servers": (f"{ELSEWHERE}:{kafka.port}",)}
        at_cassandra = {"cassandra_contact_points": (ELSEWHERE,), "cassandra_port": cassandra.port}
        for change, status, said in (
            (at_kafka, 71, "certificate verify failed"),
            (at_cassandra, 70, "not to be trusted"),
        ):
            worker = start_worker(good.model_copy(update=change))
            assert worker.exit_status(360) == status, worker.tail(3)
            assert said in worker.tail(1)


def test_an_api_that_is_refused(house: SecuredHouse, start_api: Start) -> None:
    """An API with a wrong password for Cassandra ends with 70; one that Kafka refuses serves, and is not ready."""
    refused = start_api(house.settings("api", api_port=0, cassandra_password="planted-no"))
    blind = start_api(house.settings("api", api_port=0, kafka_sasl_password="planted-no"))
    assert refused.ended() == 70
    assert "AuthenticationFailed" in refused.said("api_ended")[0]["reason"]
    address = blind.address()
    until(lambda: _health(address) == {"cassandra": "up", "kafka": "down"}, what="what it says of Kafka")
    assert PLANTED not in refused.log.read_text() + blind.log.read_text()


def _health(address: str) -> dict[str, str]:
    said: dict[str, str] = httpx.get(f"{address}/health/ready", timeout=30).json()
    return {name: said[name] for name in ("cassandra", "kafka")}


MAY: dict[str, dict[str, set[str]]] = {
    "producer": {COMMANDS: {"WRITE"}},
    "waiting-producer": {COMMANDS: {"WRITE"}, EVENTS: {"READ"}, REJECTIONS: {"READ"}, LETTERS: {"READ"}},
    "worker": {
        COMMANDS: {"READ", "WRITE", "DELETE", "DESCRIBE_CONFIGS"},
        PRIVACY: {"READ", "WRITE", "DELETE", "DESCRIBE_CONFIGS"},
        EVENTS: {"READ", "WRITE", "DESCRIBE_CONFIGS"},
        REJECTIONS: {"WRITE"},
        LETTERS: {"WRITE"},
    },
    "api": {EVENTS: {"READ"}, REJECTIONS: {"READ"}},
    "compliance": {
        COMMANDS: {"READ"},
        PRIVACY: {"READ", "WRITE"},
        EVENTS: {"READ"},
        REJECTIONS: {"READ"},
        LETTERS: {"READ"},
    },
    "reader": {EVENTS: {"READ"}},
    "operator": {topic: {"CREATE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"} for topic in Topic},
}
"""What each role may do with topics, besides knowing that they are there."""


@pytest.mark.parametrize("role", KAFKA_ROLES)
def test_a_role_may_do_its_work_in_kafka_and_nothing_else(house: SecuredHouse, role: str) -> None:
    """The broker itself names exactly the operations of the role, by its password and by its certificate."""
    for way in ("scram", "certificate"):
        admin = AdminClient(librdkafka(house.settings(role, way)))
        found = admin.describe_topics(TopicCollection([str(one) for one in Topic]), include_authorized_operations=True)
        may = {name: _operations(answer) - {"DESCRIBE"} for name, answer in found.items()}
        assert {name: operations for name, operations in may.items() if operations} == MAY[role]
        cluster = admin.describe_cluster(include_authorized_operations=True).result(30)
        assert [one.name for one in cluster.authorized_operations or []] == []


def _operations(answer: Any) -> set[str]:
    refused = answer.exception(30)
    if refused is not None:
        assert refused.args[0].name() == "TOPIC_AUTHORIZATION_FAILED"
        return set()
    return {one.name for one in answer.result().authorized_operations}


def test_what_a_role_may_not_do_is_refused(house: SecuredHouse) -> None:
    """A producer's privacy command, a reader's command and group, and a worker's topic are refused by the broker."""
    erase = {"type": "DeleteLearnerData", **WHOSE, "reason": "erasure"}
    for role, command in (("producer", erase), ("reader", create()), ("api", create())):
        with (
            Producer(house.settings(role), token=token(role="compliance"), outcomes=False) as producer,
            pytest.raises(BrokerRefused, match="authorization failed"),
        ):
            producer.send(command).position(30)
    for group, role in (("aivo-chat", "reader"), ("events-x", "api"), ("events-x", "producer")):
        with EventConsumer(group, house.settings(role)) as events, pytest.raises(BrokerRefused):
            next(events.changes(idle_seconds=60))
    with pytest.raises(AssertionError, match="71"):
        _apply_topics(house)


def _apply_topics(house: SecuredHouse) -> None:
    ended = house.chat(house.settings("worker", topic_min_isr=1, message_retention_days=9)).run("topics", "apply")
    assert ended.status == 0, f"{ended.status}: {ended.err}"


def test_the_acls_can_be_applied_again(house: SecuredHouse) -> None:
    """The third run of `chat acls apply` on the same file ends as the first, and says who may do what."""
    assert (house.granted.status, house.granted.err) == (0, "")
    assert "User:chat-producer may Write topic chat.commands" in house.granted.out.splitlines()
    assert "User:chat-reader may Read group events-*" in house.granted.out.splitlines()


READS = {
    "api": {
        "chat_deletion_logs", "chat_export_logs", "key_epochs", "learner_keys", "messages", "privacy_requests",
        "privacy_requests_by_subject", "read_marks", "schema_migrations", "sealing_keys", "service_secrets",
        "thread_log", "thread_owners", "threads", "token_keys", "topics",
    },
}  # fmt: skip
"""Of a role that may not read every table."""

WRITES = {
    "api": {"chat_export_logs"},
    "compliance": {"legal_holds", "chat_export_logs", "chat_deletion_logs"},
}
ONLY_READ_BY_WORKERS = {"schema_migrations", "service_secrets", "topics", "key_epochs"}


@pytest.mark.parametrize("role", CASSANDRA_ROLES)
def test_a_role_may_do_its_work_in_cassandra_and_nothing_else(house: SecuredHouse, role: str) -> None:
    """Each table can be read and changed by those whose work it is; no role can change what tables there are."""
    settings = house.settings(role)
    there = asyncio.run(tables(house.servers.admin))
    reads = {one: f"SELECT * FROM aivo_chat.{one} LIMIT 1" for one in there}
    writes = {one: f"INSERT INTO aivo_chat.{one} JSON '{{}}'" for one in there}
    changes = ("DROP TABLE aivo_chat.messages", "ALTER TABLE aivo_chat.topics ADD x int", "CREATE ROLE x")
    asked = asyncio.run(_may(settings, [*reads.values(), *writes.values(), *changes]))
    assert {one for one in there if asked[reads[one]]} == READS.get(
        role, there - ({"schema_lock"} if role == "worker" else set())
    )
    assert {one for one in there if asked[writes[one]]} == WRITES.get(
        role, there - ONLY_READ_BY_WORKERS - {"schema_lock"}
    )
    assert not any(asked[one] for one in changes)


async def _may(settings: Settings, statements: list[str]) -> dict[str, bool]:
    """Which statements the node tries: what it finds wrong with them comes after the question of the right."""
    connection = await Connection.open(settings)
    try:
        return {one: await _is_tried(connection, one) for one in statements}
    finally:
        await connection.close()


async def _is_tried(connection: Connection, statement: str) -> bool:
    try:
        await connection.run(statement)
    except StorageRefused as refused:
        return "Unauthorized" not in str(refused)
    return True
