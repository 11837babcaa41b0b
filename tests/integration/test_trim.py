"""The words of commands, and of an erased learner's events, leave the files of a real broker within the bound."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from chat.broker import Broker, Place, broker
from chat.domain.partition import learner_key, partition_of
from chat.domain.position import position
from chat.errors import BrokerUnavailable, LogTruncated, TopicMadeAnew
from chat.group_offsets import committed
from chat.heartbeat import is_heartbeat
from chat.ids import new_id
from chat.kafka import librdkafka
from chat.partition_reader import read
from chat.privacy import bounds
from chat.servers.embedded import Addresses, EmbeddedServers
from chat.settings import Settings
from chat.storage.receipts import CassandraReceipts
from chat.storage.session import Connection
from chat.topic_specs import DAY, Topic
from streams.heartbeat import segments_open
from streams.trim import Trim
from streams.waiting import Waiting
from tests.chat_program import ChatProgram
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.privacy_house import OFFICER
from tests.records import PARTITIONS, token
from tests.segment_files import files_with
from tests.servers import embedded_servers
from tests.trimming_worker import LOOK, PROGRAM
from tests.wait import until
from tests.worker import environment

TRIM_SECONDS = 2
RETENTION_CHECK = 500
CLEANER = 2_000
HASTY = {
    "log.initial.task.delay.ms": "100",
    "log.retention.check.interval.ms": str(RETENTION_CHECK),
    "log.cleaner.backoff.ms": "500",
    "file.delete.delay.ms": "500",
}
COMPACTION = {"segment.ms": "1500", "min.compaction.lag.ms": "500", "max.compaction.lag.ms": "3000"}
SLACK = 15.0
"""Seconds for a machine that is busy, or stands still."""


@dataclass(frozen=True)
class House:
    """A service on a broker whose files can be read."""

    settings: Settings
    data: Path
    folder: Path

    @property
    def kafka(self) -> Broker:
        return broker(self.settings)

    def send(self, learner: str, *commands: Mapping[str, object], bearer: str = "") -> None:
        """Sends commands and does not wait for what becomes of them."""
        given = [{"tenant_id": "tenant-1", "learner_id": learner, **one} for one in commands]
        program = ChatProgram(self.folder, environment(self.settings) | {"CHAT_TOKEN": bearer or token()})
        ended = program.run("send", stdin="".join(json.dumps(one) + "\n" for one in given))
        assert ended.status == 0, ended.err

    def post(self, learner: str, words: str) -> None:
        """A new thread with one message."""
        thread = {"thread_id": new_id()}
        title, message = {"type": "CreateThread", "title": words}, {"type": "PostMessage", "content": words}
        self.send(learner, {**title, **thread}, {**message, **thread, "message_id": new_id()})

    def erase(self, learner: str) -> None:
        """Asks for it."""
        asked = {"type": "DeleteLearnerData", "request_id": new_id(), "reason": "erasure"}
        self.send(learner, asked, bearer=OFFICER)

    def where(self, topic: Topic, learner: str, words: str) -> list[str]:
        """The files of the learner's partition that hold these words."""
        return files_with(self.data, Place(topic, home(learner)), words.encode())

    def config(self, topic: Topic) -> dict[str, int]:
        """The topic's settings that are numbers."""
        found = self.kafka.settings_of([topic])[topic]
        return {name: int(value) for name, value in found.items() if value and value.lstrip("-").isdigit()}

    def committed(self) -> dict[Place, int]:
        """How far the group has come in the command log, 0 where it never committed."""
        return dict.fromkeys(places(Topic.COMMANDS), 0) | committed(self.settings, places(Topic.COMMANDS))

    def commit(self, place: Place, offset: int) -> None:
        """Says in the group's name that it has come so far; it must have no member."""
        consumer = Consumer(librdkafka(self.settings) | {"group.id": self.settings.consumer_group})
        consumer.commit(offsets=[TopicPartition(str(place.topic), place.partition, offset)], asynchronous=False)
        consumer.close()

    def receipt(self) -> dict[str, Any] | None:
        """The body of the tenant's last receipt."""
        return asyncio.run(_receipt(self.settings))

    def heartbeats(self, topic: Topic, partition: int) -> list[int]:
        """The offsets at which one is."""
        records = [one for batch in read(self.settings, Place(topic, partition)) for one in batch]
        return [one.offset for one in records if is_heartbeat(one.key, one.value)]


async def _receipt(settings: Settings) -> dict[str, Any] | None:
    connection = await Connection.open(settings)
    try:
        link = await (await CassandraReceipts.open(connection)).last("tenant-1")
    finally:
        await connection.close()
    return None if link is None else orjson.loads(link.document)["body"]


def places(topic: Topic) -> list[Place]:
    return [Place(topic, one) for one in range(PARTITIONS)]


def home(learner: str) -> int:
    return partition_of(learner_key("tenant-1", learner).encode(), PARTITIONS)


ERASED = "learner-1"
CONTROL = next(one for one in (f"learner-{n}" for n in range(2, 99)) if home(one) == home(ERASED))


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedServers]:
    """A broker of one's own, which looks often at what is to be deleted."""
    with embedded_servers(cassandra=False, kafka_overrides=HASTY) as servers:
        yield servers


@pytest.fixture(scope="module")
def house(servers: Addresses, kafka: EmbeddedServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    assert kafka.kafka is not None
    own = replace(servers, kafka=kafka.kafka.bootstrap)
    settings = clean_house(own, command_trim_seconds=TRIM_SECONDS)
    house = House(settings, kafka.kafka.data, tmp_path_factory.mktemp("house"))
    for topic in Topic:
        house.kafka.alter(topic, {"file.delete.delay.ms": HASTY["file.delete.delay.ms"]})
    house.kafka.alter(Topic.EVENTS, COMPACTION)
    yield house
    drop_keyspace(settings)


def within(parts: bounds.Parts) -> float:
    """Seconds of a bound, and what a busy machine may take."""
    return sum(parts.values()) / 1_000 + SLACK


@pytest.fixture
def hasty_bounds() -> Iterator[None]:
    """As the broker and the worker of these tests have them."""
    with patch.multiple(bounds, LOOK=LOOK, RETENTION_CHECK=RETENTION_CHECK, CLEANER=CLEANER):
        yield


async def test_what_is_not_committed_is_never_trimmed(house: House) -> None:
    """Nor what is young, nor anything where nothing was ever committed, nor in a topic that was made anew."""
    place, all_of_it = Place(Topic.COMMANDS, (home(ERASED) + 1) % PARTITIONS), range(PARTITIONS)
    producer = Producer(librdkafka(house.settings))
    for number in range(10):
        producer.produce(str(place.topic), partition=place.partition, value=f"no command {number}")
    producer.flush()
    later, open_for = now() + DAY, segments_open(house.kafka)

    def begins() -> dict[Place, int]:
        return house.kafka.begins([place])

    trim = Trim(house.kafka, partial(committed, house.settings), 1_000 * TRIM_SECONDS, 1, same, patience=0.2)
    await Waiting().until_served(lambda: trim.look(all_of_it, later, open_for))  # nobody asked of a group before
    assert begins() == {place: 0}
    house.commit(place, 6)
    await trim.look(all_of_it, now() - DAY, open_for)
    with pytest.raises(TopicMadeAnew):
        await replace(trim, same_topics=anew).look(all_of_it, later, open_for)
    await trim.behind(place.partition, position(2, 5))
    with pytest.raises(BrokerUnavailable):
        await trim.behind(place.partition, position(1, 6))
    assert begins() == {place: 0}
    await trim.behind(place.partition, position(1, 5))
    assert begins() == {place: 5}
    for _ in range(2):
        await trim.look(all_of_it, later, open_for)
        assert begins() == {place: 6}
    assert [one.offset for batch in read(house.settings, place) for one in batch] == [6, 7, 8, 9]


async def same() -> None:
    """The topics are those that they were."""


async def anew() -> None:
    raise TopicMadeAnew("made anew")


@pytest.mark.usefixtures("hasty_bounds")
def test_words_leave_the_files_within_the_bound(house: House, start_worker: StartWorker) -> None:
    """Those of commands once these are applied, those of events once their learner is erased; another's stay there."""
    house.post(ERASED, "kestrel")
    house.post(CONTROL, "heron")
    for learner, words in ((ERASED, "kestrel"), (CONTROL, "heron")):
        assert house.where(Topic.COMMANDS, learner, words), "the search does not find what is there"
    worker = start_worker(house.settings, program=(PROGRAM,)).until_ready()
    until(lambda: house.committed() == house.kafka.ends(places(Topic.COMMANDS)), what="all of it committed")
    bound = within(bounds.commands_bound(house.config(Topic.COMMANDS), 1_000 * TRIM_SECONDS))
    for learner, words in ((ERASED, "kestrel"), (CONTROL, "heron")):
        assert house.where(Topic.EVENTS, learner, words)
        until(lambda: not house.where(Topic.COMMANDS, learner, words), bound, f"{words} gone from chat.commands")  # noqa: B023 - called here
    house.erase(ERASED)
    receipt = until(house.receipt, what="the receipt")
    assert receipt["bounds_ms"]["commands"]["trim_age"] == 1_000 * TRIM_SECONDS
    assert set(receipt["bytes_gone_by"]) == set(receipt["bounds_ms"])
    bound = within(bounds.events_bound(house.config(Topic.EVENTS)))
    until(lambda: not house.where(Topic.EVENTS, ERASED, "kestrel"), bound, "kestrel gone from chat.events")
    assert house.where(Topic.EVENTS, CONTROL, "heron")
    offsets = house.heartbeats(Topic.EVENTS, home(ERASED))
    assert offsets
    assert all(after - before > 1 for before, after in pairwise(offsets)), "a heartbeat came behind a heartbeat"
    assert worker.stop() == 0


def test_a_trimmed_log_is_read_on_and_read_again(house: House, start_worker: StartWorker) -> None:
    """By its group as if nothing were; a group that knows nothing stops, and set to what is left it reads that."""
    whole = house.settings.model_copy(update={"command_trim_seconds": 0})
    begins = house.kafka.begins(places(Topic.COMMANDS))
    assert begins[Place(Topic.COMMANDS, home(ERASED))] > 0
    house.post(CONTROL, "egret")
    worker = start_worker(whole, program=(PROGRAM,)).until_ready()
    until(lambda: house.where(Topic.EVENTS, CONTROL, "egret"), what="what came after the trim")
    assert worker.stop() == 0
    stranger = replace(house, settings=whole.model_copy(update={"consumer_group": f"{whole.consumer_group}_b"}))
    assert start_worker(stranger.settings, program=(PROGRAM,)).exit_status() == LogTruncated.exit_code
    for topic in (Topic.COMMANDS, Topic.PRIVACY_COMMANDS):
        for place, offset in house.kafka.begins(places(topic)).items():
            stranger.commit(place, offset)
    again = start_worker(stranger.settings, program=(PROGRAM,)).until_ready()
    until(lambda: stranger.committed() == house.kafka.ends(places(Topic.COMMANDS)), what="all that is left read again")
    assert again.stop() == 0


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000
