"""Every command read again from the beginning of the log: rows, write times and expiry stay."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

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


def _expiries(tables: Tables) -> dict[tuple[str, ...], float | None]:
    """When each row expires, in seconds since 1970; None where never."""
    found = {}
    for table, column in EXPIRING.items():
        for row in tables.rows(table, f"TTL({column}) AS ttl"):
            key = tuple(str(row[name]) for name in tables.key(table))
            found[table, *key] = None if row["ttl"] is None else time.time() + row["ttl"]
    return found


def _run(worker: WorkerProcess, settings: Settings, records: int) -> None:
    """Returns when the worker has had `records` outcomes, is up to date and has ended."""
    group = Group(settings.kafka_bootstrap_servers[0], settings.consumer_group, settings.topic_partitions)
    until(lambda: worker.metric("chat_outcomes_total") >= records, 90, "every outcome")
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
    codes = [json.loads(one.value())["code"] for one in client.records("chat.rejections")]
    assert {code: codes.count(code) for code in set(codes)} == {code: 6 * one for code, one in REFUSED.items()}
    assert all(before.values())

    group = Group(settings.kafka_bootstrap_servers[0], settings.consumer_group, settings.topic_partitions)
    group.rewind()
    group.close()
    again = start_worker(settings).until_ready()
    until(lambda: again.metric("chat_outcomes_total") > 0, 60, "the first record read again")
    _run(again, settings, sum(group_of.values()) if (group_of := _unsettled(conversations)) else 0)
    assert _dump(tables) == before
    _assert_same_expiry(_expiries(tables), expiries)
    assert _compacted(_said(client)) == _compacted(said)
    assert len(_said(client)) > len(said)
