"""The example producers of the documentation, against a running service."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import schemas
from chat.domain.partition import learner_key, partition_of
from chat.ids import new_id
from chat.settings import Settings
from tests.java_example import JavaProducer
from tests.node import install_example, node
from tests.oracle.topics import EVENTS, Reader
from tests.records import PARTITIONS, token
from tests.wait import until
from tests.worker import WorkerProcess

LEARNERS = [f"learner-{number}" for number in range(64)]


@pytest.fixture(scope="module", autouse=True)
def worker(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    running = WorkerProcess(fresh, tmp_path_factory.mktemp("worker")).start()
    yield running.until_ready()
    running.end()


@pytest.fixture(scope="module", autouse=True)
def _example() -> None:
    install_example()


def send(settings: Settings, folder: Path, bearer: str, **command: object) -> tuple[int, dict[str, object]]:
    """What the example says of a command; the schemas are those that the program exports."""
    file = folder / "command.json"
    file.write_text(json.dumps({"tenant_id": "tenant-1", "learner_id": "learner-1", **command}))
    schemas.export(folder / "schemas")
    ended = node(
        "producer.mjs",
        str(file),
        KAFKA_BOOTSTRAP_SERVERS=settings.kafka_bootstrap_servers[0],
        CHAT_TOKEN=bearer,
        SCHEMAS=str(folder / "schemas"),
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def test_a_producer_in_node_is_accepted_and_reads_its_outcome(fresh: Settings, tmp_path: Path) -> None:
    """Applied, with its event; again: a duplicate of that event; with a bad token, title or type: refused or dead."""
    command = {"type": "CreateThread", "command_id": new_id(), "thread_id": new_id(), "title": "Aus Node 🌱"}
    status, first = send(fresh, tmp_path, token(), **command)
    assert (status, first["outcome"], first["topic"]) == (0, "applied", "chat.commands")
    status, again = send(fresh, tmp_path, token(), **command)
    assert (status, again["outcome"], again["code"]) == (0, "refused", "duplicate")
    assert again["event_id"] == first["event_id"]
    assert again["offset"] == int(str(first["offset"])) + 1
    for changed, ends in {
        "title": ("refused", "invalid"),
        "type": ("dead_letter", "unknown_type"),
    }.items():
        status, one = send(fresh, tmp_path, token(), **command | {"command_id": new_id(), changed: ""})
        assert (status, one["outcome"], one["code"]) == (1, *ends)
    status, one = send(fresh, tmp_path, "nonsense", **command | {"command_id": new_id()})
    assert (status, one["outcome"], one["code"]) == (1, "refused", "unauthenticated")


def test_a_producer_in_java_is_accepted(fresh: Settings, tmp_path: Path) -> None:
    """It says where its command lies, on its learner's partition; for learners of two partitions there is an event."""
    producer = JavaProducer(tmp_path)
    learners = {partition_of(learner_key("tenant-1", one).encode(), PARTITIONS): one for one in LEARNERS}
    reader = Reader(fresh.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])
    for partition in (0, 1):
        ids = {"command_id": new_id(), "tenant_id": "tenant-1", "learner_id": learners[partition]}
        command = {"type": "CreateThread", **ids, "thread_id": new_id(), "title": "Aus Java 🌱"}
        place = producer.send(command, fresh.kafka_bootstrap_servers[0], token())
        assert place[:2] == ("chat.commands", partition)
        event = until(partial(_event, reader, ids["command_id"]), 120, "the event of a command sent from Java")
        assert event["data"]["title"] == "Aus Java 🌱"
    reader.close()


def _event(reader: Reader, command_id: str) -> dict[str, Any] | None:
    reader.poll()
    found = (one.record.fields for one in reader.read if one.value is not None)
    return next((one for one in found if one["command_id"] == command_id), None)


@pytest.mark.parametrize("partitions", [8, 12])
def test_its_partitioner_is_javas(partitions: int) -> None:
    """Also where the number of partitions is no power of two, which is where the client's default one is another."""
    script = """
        import { compatibilityPartitioner } from '@platformatic/kafka'
        const [partitions, ...keys] = process.argv.slice(1)
        console.log(JSON.stringify(keys.map(key => compatibilityPartitioner({}, Buffer.from(key)) % partitions)))
    """
    keys = [learner_key("tenant-1", learner) for learner in LEARNERS]
    ended = node("--input-type=module", "--eval", script, str(partitions), *keys)
    assert json.loads(ended.stdout) == [partition_of(key.encode(), partitions) for key in keys], ended.stderr
