"""The client against a real Kafka, a real Cassandra and a real worker."""

import asyncio
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from chat import broker as administration
from chat.domain.partition import partition_of
from chat.errors import BadInput, BrokerUnavailable, NotSent, OutcomeTimeout, TopicMismatch
from chat.ids import new_id
from chat.sdk import AsyncProducer, Outcome, OutcomeKind, Producer, client
from chat.servers.free_port import free_port
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.records import PARTITIONS, token
from tests.worker import WorkerProcess

TENANT = "tenant-1"
TOKEN = token(TENANT)


@pytest.fixture(scope="module", autouse=True)
def worker(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    running = WorkerProcess(fresh, tmp_path_factory.mktemp("worker")).start()
    yield running.until_ready()
    running.end()


@pytest.fixture
def producer(fresh: Settings) -> Iterator[Producer]:
    with Producer(fresh, token=TOKEN) as chat:
        yield chat


def create(learner: str = "learner-1", **fields: Any) -> dict[str, Any]:
    return {"type": "CreateThread", "tenant_id": TENANT, "learner_id": learner, "title": "Hello", **fields}


def post(thread: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    whose = {name: thread[name] for name in ("tenant_id", "learner_id", "thread_id")}
    return {"type": "PostMessage", **whose, "content": "Hi", **fields}


def record_at(settings: Settings, topic: str, partition: int, offset: int) -> Message:
    """The record at a position."""
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "group.id": "tests"})
    consumer.assign([TopicPartition(topic, partition, offset)])
    message = consumer.poll(30)
    consumer.close()
    assert (message.partition(), message.offset()) == (partition, offset)
    return message


def test_commands_of_many_learners_are_applied_where_they_lie(fresh: Settings, producer: Producer) -> None:
    """Each outcome has its command's own position, which is its learner's partition, under its learner's key."""
    sent = [producer.send(create(f"learner-{number}")) for number in range(20)]
    outcomes = [one.outcome(120) for one in sent]
    assert {outcome.outcome for outcome in outcomes} == {OutcomeKind.APPLIED}
    assert len({outcome.event_id for outcome in outcomes}) == len(sent)
    for one, outcome in zip(sent, outcomes, strict=True):
        key = f"{TENANT}/{one.command['learner_id']}".encode()
        assert outcome.command_id == one.command["command_id"]
        assert one.position() == (Topic.COMMANDS, partition_of(key, PARTITIONS), outcome.offset)
    last = record_at(fresh, *sent[-1].position())
    assert (last.key(), last.headers()) == (b"tenant-1/learner-19", [("authorization", f"Bearer {TOKEN}".encode())])


def test_every_end_is_told_apart(producer: Producer) -> None:
    """Applied, refused and dead letters come back as what they are, with their codes."""
    thread = producer.send(create()).command
    commands = [
        post(thread),
        post(thread, content=""),
        post(thread, thread_id=new_id()),
        {"type": "Nonsense", "tenant_id": TENANT, "learner_id": "learner-1"},
        {"type": "PostMessage", "content": "whose?"},
    ]
    outcomes = [one.outcome(120) for one in [producer.send(command) for command in commands]]
    assert [(one.outcome, one.code, one.succeeded) for one in outcomes] == [
        ("applied", None, True),
        ("refused", "invalid", False),
        ("refused", "thread_not_found", False),
        ("dead_letter", "unknown_type", False),
        ("dead_letter", "no_identity", False),
    ]
    assert all(outcome.detail for outcome in outcomes[1:])


def test_the_same_command_again_is_a_success(fresh: Settings, producer: Producer) -> None:
    """A command sent twice at once and once more by another producer has one event, which all three name."""
    command = create("learner-2", thread_id=new_id(), command_id=new_id())
    first, second = [one.outcome(120) for one in [producer.send(command) for _ in range(2)]]
    with Producer(fresh, token=TOKEN) as other:
        third = other.send(command).outcome(120)
    assert [one.code for one in (first, second, third)] == [None, "duplicate", "duplicate"]
    assert {one.event_id for one in (first, second, third)} == {first.event_id}
    assert [one.succeeded for one in (first, second, third)] == [True, True, True]
    assert first.offset < second.offset < third.offset


async def test_on_an_event_loop_the_order_of_calls_is_kept(fresh: Settings) -> None:
    """Messages sent side by side by the asyncio client are numbered in the order of the calls."""
    async with AsyncProducer(fresh, token=TOKEN) as chat:
        thread = (await chat.send(create("learner-3"))).command
        sent = await asyncio.gather(*(chat.send(post(thread, content=str(number))) for number in range(50)))
        outcomes: list[Outcome] = await asyncio.gather(*(one.outcome(120) for one in sent))
        offsets = [(await one.position()).offset for one in sent]
    assert {outcome.outcome for outcome in outcomes} == {OutcomeKind.APPLIED}
    assert offsets == sorted(offsets)
    assert [outcome.offset for outcome in outcomes] == offsets


def test_trace_and_correlation_go_on(fresh: Settings, producer: Producer) -> None:
    """Correlation id and traceparent are on the command and on its refusal; the token is on the command only."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    ends = administration.broker(fresh).ends
    place = administration.Place(Topic.REJECTIONS, partition_of(b"tenant-1/learner-1", PARTITIONS))
    before = ends([place])[place]
    sent = producer.send(create(title=""), correlation_id="c-1", traceparent=trace)
    assert sent.outcome(120).code == "invalid"
    traced = [("correlation-id", b"c-1"), ("traceparent", trace.encode())]
    assert record_at(fresh, *sent.position()).headers() == [("authorization", f"Bearer {TOKEN}".encode()), *traced]
    assert record_at(fresh, *place, before).headers() == traced


def test_an_outcome_may_come_after_the_wait(producer: Producer, worker: WorkerProcess) -> None:
    """A wait that is too short says so, and the outcome is there when it has come."""
    assert producer.send(create()).outcome(120).succeeded
    worker.signal(signal.SIGSTOP)
    try:
        sent = producer.send(create())
        with pytest.raises(OutcomeTimeout, match=r"no outcome within 0\.5 s") as late:
            sent.outcome(0.5)
        assert late.value.exit_code == 2
    finally:
        worker.signal(signal.SIGCONT)
    assert sent.outcome(120).succeeded


async def test_an_outcome_may_come_after_the_wait_on_an_event_loop(fresh: Settings, worker: WorkerProcess) -> None:
    """The asyncio client says so too, and gives the outcome later."""
    async with AsyncProducer(fresh, token=TOKEN) as chat:
        worker.signal(signal.SIGSTOP)
        try:
            sent = await chat.send(create())
            with pytest.raises(OutcomeTimeout, match=r"no outcome within 0\.5 s"):
                await sent.outcome(0.5)
        finally:
            worker.signal(signal.SIGCONT)
        assert (await sent.outcome(120)).succeeded


def test_one_may_send_without_listening(fresh: Settings) -> None:
    """Without outcomes a command has its position, and asking for its outcome is an error at once."""
    with Producer(fresh, token=TOKEN, outcomes=False) as chat:
        sent = chat.send(create())
        assert sent.position(120).topic == Topic.COMMANDS
        with pytest.raises(BadInput, match="outcomes"):
            sent.outcome()


def test_a_record_that_is_too_large_is_not_sent(producer: Producer) -> None:
    """A command beyond a topic's limit is refused before it leaves."""
    with pytest.raises(NotSent, match="size"):
        producer.send(create(title="x" * 1_100_000))


def test_a_broker_that_is_away_is_said(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers nothing is sent, and the error says so."""
    monkeypatch.setattr(administration, "SECONDS", 5.0)
    nowhere = fresh.model_copy(update={"kafka_bootstrap_servers": (f"127.0.0.1:{free_port()}",)})
    with pytest.raises(BrokerUnavailable, match="refused"), Producer(nowhere, token=TOKEN) as chat:
        chat.send(create())


def test_a_topic_that_is_missing_is_said(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the topics were never made the error says what to run."""

    class Empty:
        def describe(self, _names: object) -> dict[str, object]:
            return {}

    monkeypatch.setattr(client, "broker", lambda _settings: Empty())
    with pytest.raises(TopicMismatch, match="chat topics apply"), Producer(fresh, token=TOKEN) as chat:
        chat.send(create())
