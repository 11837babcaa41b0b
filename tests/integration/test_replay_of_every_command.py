"""Every command read again from the beginning of the log: rows, write times and expiry stay."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from chat.settings import Settings
from tests.conftest import StartWorker
from tests.e2e.client import ContractClient
from tests.oracle.tables import OF_LEARNERS, Row, Tables, session_of
from tests.oracle.topics import Group
from tests.wait import until
from tests.worker import WorkerProcess

TABLES = (*OF_LEARNERS, "read_marks")
EXPIRING = {"messages": "sender_id", "commands": "kind"}
"""Tables whose rows expire, each with a column that every row has."""

PLACES = [(f"tenant-{tenant}", f"learner-{learner}") for tenant in (1, 2) for learner in (1, 2, 3)]
Command = dict[str, Any]


@pytest.fixture(scope="module")
def settings(fresh: Settings) -> Settings:
    return fresh.model_copy(update={"event_format": "json", "message_retention_days_by_tenant": {"tenant-2": 30}})


@pytest.fixture
def tables(settings: Settings) -> Iterator[Tables]:
    with session_of(settings) as session:
        yield Tables(session)


@pytest.fixture
def client(settings: Settings) -> ContractClient:
    return ContractClient(settings.kafka_bootstrap_servers[0], settings.jwt_secret_key)


def _conversation(tenant: str, learner: str) -> Iterator[Command]:
    """A learner's commands, every type and every way in which one undoes another."""

    def command(record_type: str, thread_id: str, **fields: Any) -> Command:
        ids = {"command_id": str(uuid.uuid4()), "tenant_id": tenant, "learner_id": learner, "thread_id": thread_id}
        return {"type": record_type, **ids, **fields}

    def post(thread_id: str, message_id: str, **fields: Any) -> Command:
        return command("PostMessage", thread_id, message_id=message_id, content=f"words of {learner} ✏️", **fields)

    kept, gone = str(uuid.uuid4()), str(uuid.uuid4())
    ids = [str(uuid.uuid4()) for _ in range(5)]
    yield command("CreateThread", kept, title="Fractions", metadata={"class": "4b"})
    yield command("CreateThread", gone, title="To be deleted")
    for message_id in ids:
        yield post(kept, message_id, metadata={"lang": "de"})
        yield post(gone, message_id)
    yield post(kept, str(uuid.uuid4()), reply_to=ids[0], message_type="image")
    yield command("EditMessage", kept, message_id=ids[0], content="better words")
    yield command("EditMessage", kept, message_id=ids[0], content="best words", metadata={"edited": True})
    yield command("DeleteMessage", kept, message_id=ids[1])
    yield command("EditMessage", kept, message_id=ids[2], content="edited, then deleted")
    yield command("DeleteMessage", kept, message_id=ids[2])
    yield command("EditMessage", kept, message_id=ids[1], content="too late")
    yield command("MarkRead", kept, seq=4)
    yield command("MarkRead", kept, seq=2)
    yield command("MarkRead", gone, seq=3)
    yield command("MarkRead", kept, seq=99)
    yield command("UpdateThread", kept, title="Decimals")
    yield command("UpdateThread", kept, metadata={"class": "5a"})
    yield command("EditMessage", gone, message_id=ids[3], content="soon gone")
    yield command("DeleteThread", gone)
    yield post(gone, str(uuid.uuid4()))
    yield command("CreateThread", gone, title="Its id stays taken")


REFUSED = {"message_not_found": 1, "invalid": 1, "thread_not_found": 1, "thread_exists": 1}
"""Refusals of one conversation, by code."""

SETTLED = 6
"""Records of one conversation of which nothing is said again: what they did was deleted."""


class Expiry(NamedTuple):
    """When a row expires at the earliest and at the latest, in seconds since 1970: Cassandra says how long it still has
    at some moment of the query.
    """

    earliest: int
    latest: int

    def is_near(self, other: "Expiry") -> bool:
        """Whether both may be within 2 s."""
        return self.earliest - 2 <= other.latest and other.earliest - 2 <= self.latest


def _expiries(tables: Tables) -> dict[str, Expiry]:
    """Of each row that expires."""
    found = {}
    for table, column in EXPIRING.items():
        before = int(time.time())
        rows = tables.rows(table, f"TTL({column}) AS ttl")
        after = int(time.time())
        for row in rows:
            ttl = row.pop("ttl")
            if ttl is not None:
                found[f"{table} {row}"] = Expiry(before + ttl, after + ttl)
    return found


class Said(NamedTuple):
    """A record of the events; `event_id` is empty for a Kafka tombstone."""

    key: bytes
    value: bytes | None
    event_id: str


def _said(client: ContractClient) -> list[Said]:
    """What is on the events, a partition's records in their order."""
    records = [(one.key(), one.value()) for one in client.records("chat.events")]
    return [Said(key, value, json.loads(value)["event_id"] if value else "") for key, value in records]


def _compacted(said: list[Said]) -> dict[bytes, bytes]:
    """What compaction would leave."""
    last = {one.key: one.value for one in said}
    return {key: value for key, value in last.items() if value is not None}


def _run(worker: WorkerProcess, settings: Settings, outcomes: int) -> None:
    """Returns when the worker has had `outcomes` outcomes, is up to date and has ended."""
    group = Group(settings.kafka_bootstrap_servers[0], settings.consumer_group, settings.topic_partitions)
    until(lambda: worker.metric("chat_outcomes_total") >= outcomes, 90, "every outcome")
    until(lambda: group.committed() == group.ends(), 30, "the last commit")
    group.close()
    assert worker.stop() == 0


def test_all_of_it_again_changes_nothing(
    settings: Settings, client: ContractClient, tables: Tables, start_worker: StartWorker
) -> None:
    """Equal rows with equal write times, expiry within 2 s, and no word of what was deleted on the events again."""
    conversations = [list(_conversation(*place)) for place in PLACES]
    for commands in zip(*conversations, strict=True):
        for one in commands:
            client.send(one, client.token(one["tenant_id"], role="admin"))
    client.flush()
    records = sum(map(len, conversations))
    _run(start_worker(settings).until_ready(), settings, records)
    before, expiries, said = _dump(tables), _expiries(tables), _said(client)
    assert all(before.values())
    assert len(expiries) > records / 2
    codes = Counter(json.loads(one.value())["code"] for one in client.records("chat.rejections"))
    assert codes == {code: len(PLACES) * one for code, one in REFUSED.items()}

    _rewind(settings)
    _run(start_worker(settings).until_ready(), settings, records - SETTLED * len(PLACES))
    assert _dump(tables) == before
    now = _expiries(tables)
    assert now.keys() == expiries.keys()
    assert [key for key, expiry in now.items() if not expiry.is_near(expiries[key])] == []
    again = _said(client)
    assert {one.event_id for one in again} == {one.event_id for one in said}
    assert len(again) > len(said)
    assert _compacted(again) == _compacted(said)


def _rewind(settings: Settings) -> None:
    group = Group(settings.kafka_bootstrap_servers[0], settings.consumer_group, settings.topic_partitions)
    group.rewind()
    group.close()


def _dump(tables: Tables) -> dict[str, list[Row]]:
    return {table: tables.rows(table) for table in TABLES}
