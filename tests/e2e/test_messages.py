"""Kafka in, HTTP out: a producer that knows only the contract, the real worker, the real API."""

import json
import uuid
from collections import Counter

import httpx
import pytest

from tests.e2e.client import ContractClient, create_thread, history, post_message
from tests.wait import until
from tests.worker import WorkerProcess

TENANTS, LEARNERS, MESSAGES = 4, 25, 20
TOTAL = TENANTS * LEARNERS * MESSAGES


Threads = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def sent(client: ContractClient, worker: WorkerProcess) -> tuple[Threads, list[dict[str, str]]]:
    """100 threads and 2,000 messages, each learner's in order; returns when all are applied."""
    threads = {(f"tenant-{t}", f"learner-{n}"): str(uuid.uuid4()) for t in range(TENANTS) for n in range(LEARNERS)}
    commands = [create_thread(*place, thread) for place, thread in threads.items()]
    commands += [
        post_message(*place, thread, f"message {number} of {place[1]}")
        for number in range(1, MESSAGES + 1)
        for place, thread in threads.items()
    ]
    _send(client, commands)
    until(lambda: worker.metric("chat_outcomes_total") >= len(commands), 120, "every command's outcome")
    return threads, commands


def _send(client: ContractClient, commands: list[dict[str, str]]) -> None:
    tokens = {tenant: client.token(tenant) for tenant in {one["tenant_id"] for one in commands}}
    for command in commands:
        client.send(command, tokens[command["tenant_id"]])
    client.flush()


def test_every_message_comes_back_in_order(
    sent: tuple[Threads, list[dict[str, str]]], client: ContractClient, api: str
) -> None:
    """2,000 messages of 100 learners in 4 tenants come back complete, in order, seq 1 to n in each thread."""
    total = 0
    for (tenant, learner), thread in sent[0].items():
        items = list(history(api, client.token(tenant), thread))
        assert [one["seq"] for one in items] == list(range(1, MESSAGES + 1))
        assert [one["content"] for one in items] == [f"message {n} of {learner}" for n in range(1, MESSAGES + 1)]
        total += len(items)
    assert total == TOTAL


def test_every_message_has_one_event(sent: tuple[Threads, list[dict[str, str]]], client: ContractClient) -> None:
    """Each command has one event, its id distinct, on its learner's partition and in the order of its thread."""
    records = list(client.records("chat.events"))
    events = [json.loads(record.value()) for record in records]
    created = [one for one in events if one["event_type"] == "CHAT_MESSAGE_CREATED"]
    assert len(created) == TOTAL
    assert len({one["event_id"] for one in events}) == len(events) == TOTAL + len(sent[0])
    assert {one["command_id"] for one in events} == {one["command_id"] for one in sent[1]}
    seqs: dict[str, list[int]] = {}
    for one in created:
        seqs.setdefault(one["data"]["thread_id"], []).append(one["data"]["seq"])
    assert set(map(tuple, seqs.values())) == {tuple(range(1, MESSAGES + 1))}


def test_sent_again_each_is_a_duplicate(
    sent: tuple[Threads, list[dict[str, str]]], client: ContractClient, worker: WorkerProcess
) -> None:
    """The same commands again are refused `duplicate`, each with its event's id, and put nothing on the events."""
    events = {json.loads(record.value())["event_id"] for record in client.records("chat.events")}
    before = worker.metric("chat_outcomes_total")
    _send(client, sent[1])
    until(lambda: worker.metric("chat_outcomes_total") >= before + len(sent[1]), 120, "every command's outcome")
    refusals = [json.loads(record.value()) for record in client.records("chat.rejections")]
    assert Counter(one["code"] for one in refusals) == {"duplicate": len(sent[1])}
    assert {one["event_id"] for one in refusals} == events
    assert {json.loads(record.value())["event_id"] for record in client.records("chat.events")} == events


def test_no_tenant_reads_anothers_thread(
    sent: tuple[Threads, list[dict[str, str]]], client: ContractClient, api: str
) -> None:
    """Another tenant's thread and one that never was are 404 with the same body."""
    thread = sent[0]["tenant-0", "learner-0"]
    headers = {"Authorization": f"Bearer {client.token('tenant-1')}"}
    paths = [f"{api}/api/v1/threads/{one}" for one in (thread, str(uuid.uuid4()))]
    answers = [httpx.get(one, headers=headers, timeout=60) for one in paths]
    assert [one.status_code for one in answers] == [httpx.codes.NOT_FOUND] * 2
    assert answers[0].json() == answers[1].json()
