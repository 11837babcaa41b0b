"""A worker whose events are sealed, and a consumer that may read them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chat.domain.model import FIRST_LIFE, Learner
from chat.ids import new_id
from chat.sdk import Producer
from chat.sdk.sealed_events import SealedEvents
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.learner_keys import KeyTools
from chat.storage.session import Connection
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.oracle.topics import EVENTS, Reader
from tests.records import PARTITIONS, token
from tests.worker import ROOT, environment

EXAMPLE = ROOT / "docs" / "examples" / "sealed_events.py"
CANARY = "quokka-in-the-quince-tree"
Raw = tuple[bytes, Sequence[tuple[str, bytes]]]
ERASED, LIVING = "learner-1", "learner-2"


@pytest.fixture
def house(servers: Addresses) -> Iterator[Settings]:
    settings = clean_house(servers, event_content="sealed")
    yield settings
    drop_keyspace(settings)


def converse(house: Settings, learner: str) -> int:
    """Puts the canary into every field that holds words; how many events say it."""
    ids = {"tenant_id": "tenant-1", "learner_id": learner, "thread_id": new_id()}
    words = {"metadata": {"word": CANARY}}
    message_id = new_id()
    commands: list[dict[str, object]] = [
        {"type": "CreateThread", "title": CANARY, **words},
        {"type": "PostMessage", "message_id": message_id, "content": CANARY, **words},
        {"type": "EditMessage", "message_id": message_id, "content": f"{CANARY}!", **words},
        {"type": "UpdateThread", "title": f"{CANARY}!", "metadata": None},
    ]
    with Producer(house) as producer:
        for command in commands:
            outcome = producer.send(command | ids, token=token("tenant-1")).outcome(120)
            assert outcome.outcome == "applied", outcome
    return len(commands)


def raw_events(house: Settings) -> list[Raw]:
    """Values and headers of everything on the events."""
    reader = Reader(house.kafka_bootstrap_servers[0], PARTITIONS)
    said = reader.read_to(reader.ends())
    reader.close()
    return [(one.value, one.headers) for one in said if one.topic == EVENTS and one.value is not None]


async def erase(house: Settings, learner: Learner) -> None:
    connection = await Connection.open(house)
    tools = await KeyTools.open(connection, house)
    await tools.lives.end(tools.subjects.of(learner), FIRST_LIFE.generation)
    await connection.close()


async def opened(house: Settings, events: list[Raw]) -> list[str]:
    """The words of each event as text; empty for the erased."""
    async with SealedEvents(house) as opener:
        found = [await opener.open(*one) for one in events]
    return ["" if one is None else json.dumps(one.fields["data"]) for one in found]


def test_sealed_events_are_read_by_who_may(house: Settings, start_worker: StartWorker, tmp_path: Path) -> None:
    """No word on Kafka; all of them through the opener, and through the example; none of who was erased since."""
    start_worker(house).until_ready()
    total = sum(converse(house, learner) for learner in (ERASED, LIVING))
    events = raw_events(house)
    assert len(events) == total
    assert not any(CANARY.encode() in value for value, _ in events)
    assert all(CANARY in text for text in asyncio.run(opened(house, events)))
    variables = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    ended = subprocess.run(
        [sys.executable, EXAMPLE, str(total)],
        env=variables | environment(house) | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [CANARY in json.dumps(line) for line in lines] == [True] * total
    asyncio.run(erase(house, Learner("tenant-1", ERASED)))
    told = asyncio.run(opened(house, events))
    assert sum(CANARY in text for text in told) == told.count("") == total // 2
