"""Headers that no client of ours writes, on a real broker: nothing stops at them, and nobody who listens."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from chat.broker import Place
from chat.partition_reader import last, read
from chat.sdk import Producer as ChatProducer
from chat.settings import Settings
from tests.conftest import StartWorker
from tests.integration.test_worker_outcomes import HOME, KEY, THREAD, Client
from tests.odd_headers import SHOWN, send_spoilt
from tests.oracle.topics import DEAD_LETTER, EVENTS, Reader
from tests.records import PARTITIONS, token, uid
from tests.wait import until
from tests.worker import WorkerProcess

MANY = 100
WHOSE = {"tenant_id": "tenant-1", "learner_id": "learner-1"}


@pytest.fixture
def client(fresh: Settings) -> Iterator[Client]:
    made = Client(fresh)
    yield made
    made.close()


@pytest.fixture
def worker(fresh: Settings, start_worker: StartWorker) -> WorkerProcess:
    return start_worker(fresh)


def by(role: str) -> tuple[str, bytes]:
    return "authorization", b"Bearer " + token(role=role).encode()


def send_null(settings: Settings, topic: str, fields: dict[str, Any], role: str) -> None:
    """Sends a command whose `correlation-id` is null."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers[0]})
    headers = [("correlation-id", None), by(role)]
    producer.produce(topic, json.dumps(WHOSE | fields).encode(), KEY, partition=HOME, headers=headers)
    assert producer.flush(30) == 0


def test_names_that_are_no_text(client: Client, fresh: Settings, worker: WorkerProcess) -> None:
    """A command is applied, a dead letter tells what it had, and what comes behind them is applied."""
    client.create()
    post = {"type": "PostMessage", "command_id": uid(3, 901), "message_id": uid(2, 901), "thread_id": THREAD}
    value, headers = json.dumps(WHOSE | post | {"content": "odd"}).encode(), [("correlation-id", b"odd"), by("teacher")]
    asyncio.run(send_spoilt(fresh, Place("chat.commands", HOME), KEY, value, headers))
    asyncio.run(send_spoilt(fresh, Place("chat.commands", HOME), KEY, b"?", [("correlation-id", b"none")]))
    assert client.outcome("odd").record.fields["data"]["content"] == "odd"
    letter = client.outcome("none")
    newest = last(fresh, Place("chat.commands", HOME))
    assert newest is not None
    assert newest.value == b"?"
    assert (letter.topic, letter.header(SHOWN)) == (DEAD_LETTER, "x")
    assert client.post().record.fields["data"]["seq"] == 2
    assert worker.alive


def test_values_that_are_null(fresh: Settings, worker: WorkerProcess) -> None:
    """An event, a dead letter and a request of privacy come of them, and who waits for an outcome hears on."""
    thread = {"type": "CreateThread", "command_id": uid(3, 903), "thread_id": uid(1, 903), "title": "a null"}
    erasure = {"type": "DeleteLearnerData", "command_id": uid(3, 904), "request_id": uid(4, 904), "reason": "other"}
    with ChatProducer(fresh, token=token(role="teacher")) as listening:
        mine = {**WHOSE, "thread_id": uid(1, 902)}
        assert listening.send({"type": "CreateThread", **mine, "title": "b"}).outcome(120).succeeded
        send_null(fresh, "chat.commands", {"type": "nothing"}, "teacher")
        send_null(fresh, "chat.commands", thread, "teacher")
        assert listening.send({"type": "PostMessage", **mine, "content": "heard"}).outcome(120).succeeded
    send_null(fresh, "chat.privacy.commands", erasure, "compliance")

    reader = Reader(fresh.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])

    def taken() -> bool:
        reader.poll()
        return "CHAT_PRIVACY_DELETION_REQUESTED" in [one.record.type for one in reader.read if one.value]

    until(lambda: taken() or not worker.alive, 60, "the request")
    reader.close()
    assert worker.alive


def test_a_name_that_is_no_text_after_many_that_are(fresh: Settings) -> None:
    """CPython calls what it has called often in another way, and so must not miss that there was an error."""
    place, good = Place("chat.rejections", HOME), [("correlation-id", b"good")]
    producer = Producer({"bootstrap.servers": fresh.kafka_bootstrap_servers[0]})
    for _ in range(MANY):
        producer.produce(place.topic, b"?", KEY, partition=place.partition, headers=good)
    assert producer.flush(30) == 0
    asyncio.run(send_spoilt(fresh, place, KEY, b"?", good))
    *before, odd = [one.headers for batch in read(fresh, place) for one in batch]
    assert before[-MANY:] == [tuple(good)] * MANY
    assert odd == ()
