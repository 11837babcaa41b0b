"""The consumer of events against a real Kafka, a real Cassandra and a real worker."""

import json
import os
import subprocess
import sys
from contextlib import aclosing
from itertools import takewhile

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka import Producer as KafkaProducer

from chat.domain.partition import partition_of
from chat.ids import new_id
from chat.sdk import AsyncEventConsumer, Change, Event, EventConsumer, Forgotten, Producer
from chat.sdk.change import Entity
from chat.sdk.outcome import Position
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.records import PARTITIONS, token
from tests.worker import ROOT, WorkerProcess, environment

TENANT = "tenant-1"
LEARNER = "learner-1"
WHOSE = {"tenant_id": TENANT, "learner_id": LEARNER}
EXAMPLE = ROOT / "docs" / "examples" / "follow_events.py"
IDLE = 60.0
"""Much longer than a new member of a group waits for its partitions; nobody waits for it in vain."""

END = Entity(TENANT, LEARNER, "the-end", "of-all")
"""What the last record of the learner's partition says is to be forgotten."""

TOLD = ["CHAT_THREAD_CREATED", "CHAT_MESSAGE_CREATED", "CHAT_MESSAGE_CREATED", "CHAT_THREAD_DELETED", None, None]
"""What comes of the conversation below: two messages, forgotten when their thread was deleted."""


@pytest.fixture(scope="module", autouse=True)
def conversation(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A thread that lived and was deleted; then its first event again, and a record of the service's own."""
    running = WorkerProcess(fresh, tmp_path_factory.mktemp("worker")).start()
    running.until_ready()
    thread = {**WHOSE, "thread_id": new_id()}
    with Producer(fresh, token=token(TENANT, role="admin")) as chat:
        for command in (
            {"type": "CreateThread", **thread, "title": "Hello"},
            {"type": "PostMessage", **thread, "content": "one"},
            {"type": "PostMessage", **thread, "content": "two"},
            {"type": "DeleteThread", **thread},
        ):
            assert chat.send(command).outcome(120).succeeded
    running.end()
    _say_again(fresh)
    return thread["thread_id"]


def _say_again(settings: Settings) -> None:
    """Puts the learner's first event on the log once more, as a worker's second run may, a heartbeat, and the end."""
    with EventConsumer("a-look", settings) as events:
        first = next(change for change in events.changes(idle_seconds=IDLE))
    record = _record_at(settings, first.position)
    kafka = KafkaProducer({"bootstrap.servers": settings.kafka_bootstrap_servers[0]})
    home = partition_of(f"{TENANT}/{LEARNER}".encode(), PARTITIONS)
    kafka.produce(Topic.EVENTS, record.value(), record.key(), home)
    kafka.produce(Topic.EVENTS, None, b"heartbeat", home)
    kafka.produce(Topic.EVENTS, None, f"{TENANT}/{LEARNER}/{END.thread_id}/{END.message_id}", home)
    assert kafka.flush(30) == 0


def _record_at(settings: Settings, position: Position) -> Message:
    reader = Consumer({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "group.id": "tests"})
    reader.assign([TopicPartition(*position)])
    message = reader.poll(30)
    reader.close()
    return message


def before_the_end(events: EventConsumer) -> list[Change]:
    """What comes before it, which is not handled."""
    return list(takewhile(lambda one: one.entity != END, events.changes(idle_seconds=IDLE)))


async def before_the_end_async(events: AsyncEventConsumer) -> list[Change]:
    """As `before_the_end`."""
    found: list[Change] = []
    async with aclosing(events.changes(idle_seconds=IDLE)) as changes:
        async for change in changes:
            if change.entity == END:
                break
            found.append(change)
    return found


def types(changes: list[Change]) -> list[str | None]:
    """The events' types; None for what is to be forgotten."""
    return [change.event_type if isinstance(change, Event) else None for change in changes]


def test_every_change_comes_once_and_in_order(fresh: Settings, conversation: str) -> None:
    """A repeat is dropped, what is to be forgotten is named, a heartbeat is nobody's."""
    with EventConsumer("once", fresh) as events:
        changes = before_the_end(events)
    assert types(changes) == TOLD
    assert {change.entity.thread_id for change in changes} == {conversation}
    posted = {change.entity for change in changes if isinstance(change, Event) and "content" in change.data}
    assert {change.entity for change in changes if isinstance(change, Forgotten)} == posted


def test_what_was_not_handled_comes_again(fresh: Settings) -> None:
    """An error in the loop leaves its change to the next member of the group, and no change before it."""

    def work() -> None:
        with EventConsumer("broken", fresh) as events:
            for change in events.changes(idle_seconds=IDLE):
                if isinstance(change, Event) and change.data.get("content") == "one":
                    raise ArithmeticError

    with pytest.raises(ArithmeticError):
        work()
    with EventConsumer("broken", fresh) as events:
        rest = before_the_end(events)
    assert types(rest)[:2] == ["CHAT_MESSAGE_CREATED", "CHAT_MESSAGE_CREATED"]
    assert "CHAT_THREAD_DELETED" in types(rest)


async def test_on_an_event_loop_it_is_the_same(fresh: Settings) -> None:
    """The asyncio consumer has the same changes, and goes on where its group left off."""
    async with AsyncEventConsumer("async", fresh) as events:
        changes = await before_the_end_async(events)
    assert types(changes) == TOLD
    async with AsyncEventConsumer("async", fresh) as events:
        assert await before_the_end_async(events) == []


def test_the_example_follows_a_thread(fresh: Settings, conversation: str) -> None:
    """It counts up to two messages, and has forgotten both in the end."""
    variables = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    example = subprocess.Popen(
        [sys.executable, EXAMPLE, "example", str(IDLE)],
        env=variables | environment(fresh) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with example:
        assert example.stdout is not None
        lines = list(takewhile(lambda line: line[0] != END.thread_id, map(json.loads, example.stdout)))
        example.kill()
    assert lines == [[conversation, 1], [conversation, 2], [conversation, 1], [conversation, 0]]
