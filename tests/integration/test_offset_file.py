"""The group's place in the log, saved and brought back: exactly, or not at all."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from chat.broker import Place
from chat.errors import BrokerRefused, LogTruncated, TopicMadeAnew
from chat.group_offsets import commit
from chat.offset_file import restore, save
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.oracle.topics import Group
from tests.records import PARTITIONS
from tests.wait import until

RECORDS, STOOD = 5, 2


@pytest.fixture(scope="module")
def house(fresh: Settings) -> Settings:
    """A log of some records in each partition."""
    producer = Producer({"bootstrap.servers": fresh.kafka_bootstrap_servers[0], "log_level": 0})
    for partition in range(PARTITIONS):
        for _ in range(RECORDS):
            producer.produce(Topic.COMMANDS, b"value", b"key", partition)
    assert producer.flush(30) == 0
    return fresh


@pytest.fixture
def group(house: Settings) -> Iterator[Group]:
    """The service's group, whose workers have read the log to its end."""
    move(house, RECORDS)
    group = Group(house.kafka_bootstrap_servers[0], house.consumer_group, PARTITIONS)
    yield group
    group.close()


@pytest.fixture
def file(house: Settings, group: Group, tmp_path: Path) -> Path:
    """Where they stood before."""
    move(house, STOOD)
    saved = asyncio.run(save(house, tmp_path / "offsets.json"))
    assert saved[Topic.COMMANDS].offsets == [STOOD] * PARTITIONS
    assert saved[Topic.PRIVACY_COMMANDS].offsets == [0] * PARTITIONS
    move(house, RECORDS)
    assert group.committed() == dict.fromkeys(range(PARTITIONS), RECORDS)
    return tmp_path / "offsets.json"


def move(settings: Settings, offset: int) -> None:
    """Sets the group to an offset of every partition."""
    commit(settings, {Place(Topic.COMMANDS, partition): offset for partition in range(PARTITIONS)})


def change(file: Path, **changes: object) -> None:
    """The file, as if it had said something else of the command topic."""
    told = orjson.loads(file.read_bytes())
    told[Topic.COMMANDS] |= changes
    file.write_bytes(orjson.dumps(told))


def test_workers_begin_again_where_they_stood(house: Settings, group: Group, file: Path) -> None:
    """In every partition."""
    asyncio.run(restore(house, file))
    assert group.committed() == dict.fromkeys(range(PARTITIONS), STOOD)


def test_a_saved_file_is_never_written_over(house: Settings, file: Path) -> None:
    """It belongs to one snapshot."""
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        asyncio.run(save(house, file))
    assert file.read_bytes() == before


@pytest.mark.parametrize("changes", [{"epoch": 2}, {"topic_id": "another"}])
def test_another_log_is_not_taken(house: Settings, group: Group, file: Path, changes: dict[str, object]) -> None:
    """Offsets mean something in one log only."""
    change(file, **changes)
    with pytest.raises(TopicMadeAnew, match=r"chat\.commands was made anew"):
        asyncio.run(restore(house, file))
    assert group.committed() == dict.fromkeys(range(PARTITIONS), RECORDS)


def test_an_older_log_is_not_taken(house: Settings, group: Group, file: Path) -> None:
    """The tables know records that it does not have yet."""
    change(file, offsets=[STOOD] * (PARTITIONS - 1) + [RECORDS + 4])
    with pytest.raises(LogTruncated, match=rf"\[{PARTITIONS - 1}\] ends at {RECORDS}, before {RECORDS + 4}"):
        asyncio.run(restore(house, file))
    assert group.committed() == dict.fromkeys(range(PARTITIONS), RECORDS)


def test_no_worker_is_moved_or_saved_while_it_works(house: Settings, group: Group, file: Path, tmp_path: Path) -> None:
    """The group must be empty, and the error says what to do."""
    member = Consumer({"bootstrap.servers": house.kafka_bootstrap_servers[0], "group.id": house.consumer_group})
    member.subscribe([Topic.COMMANDS])
    until(lambda: (member.poll(0.2), member.assignment())[1], 30, "a member")
    try:
        with pytest.raises(BrokerRefused, match="stop every worker"):
            asyncio.run(restore(house, file))
        with pytest.raises(BrokerRefused, match="stop every worker"):
            asyncio.run(save(house, tmp_path / "other.json"))
    finally:
        member.close()
    assert not (tmp_path / "other.json").exists()
    assert min(group.committed().values()) >= STOOD


def test_a_log_that_lost_records_is_not_taken(house: Settings, group: Group, file: Path) -> None:
    """What the restored tables lack is in it no more: the group stays, and the error counts what is lost."""
    admin = AdminClient({"bootstrap.servers": house.kafka_bootstrap_servers[0], "log_level": 0})
    for done in admin.delete_records([TopicPartition(Topic.COMMANDS, 1, STOOD + 1)]).values():
        done.result(10)
    with pytest.raises(LogTruncated, match=r"chat\.commands\[1\] has lost 1 records"):
        asyncio.run(restore(house, file))
    assert group.committed() == dict.fromkeys(range(PARTITIONS), RECORDS)
