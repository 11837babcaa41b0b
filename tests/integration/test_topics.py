"""The five topics on a real Kafka, and what is recorded of them."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import time_ns

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from api.serve import serve
from chat import broker as administration
from chat import topics
from chat.broker import broker
from chat.errors import BrokerUnavailable, SchemaMismatch, TopicMadeAnew, TopicMismatch
from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings
from chat.storage.session import Connection
from chat.storage.topic_registry import KnownTopic, known, open_epoch, record
from chat.topic_specs import Topic, specs
from streams.waiting import Waiting
from tests.chat_program import ChatProgram
from tests.clean_house import clean_house, delete_topics
from tests.records import PARTITIONS
from tests.wait import until
from tests.worker import environment


@pytest.fixture(scope="module")
def keyspace(servers: Addresses) -> Settings:
    """Settings of a keyspace for all tests here."""
    return clean_house(servers)


@pytest.fixture
def house(keyspace: Settings) -> Settings:
    """Five topics as `apply` makes them, and their records; made again where a test has broken them."""
    asyncio.run(mended(keyspace))
    return keyspace


@pytest.fixture
def connection(house: Settings) -> Iterator[Connection]:
    connection = asyncio.run(Connection.open(house))
    yield connection
    asyncio.run(connection.close())


@pytest.fixture
def admin(house: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": house.kafka_bootstrap_servers[0]})


def changed(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def topic_ids(settings: Settings) -> dict[str, str]:
    return {name: found.topic_id for name, found in broker(settings).describe(Topic).items()}


def make_anew(settings: Settings, admin: AdminClient, topic: Topic, partitions: int = PARTITIONS) -> None:
    """Somebody deletes a topic and makes it again."""
    delete_topics(settings, topic)
    admin.create_topics([NewTopic(str(topic), partitions, 1)])[str(topic)].result()
    until(lambda: topic in topic_ids(settings), what="the new topic")


async def test_the_brokers_have_what_the_contract_says(house: Settings, connection: Connection) -> None:
    """Each topic has its settings and the same partition count, and is recorded in its first epoch."""
    found = broker(house).describe(Topic)
    there = broker(house).settings_of(Topic)
    assert {name: topic.partitions for name, topic in found.items()} == dict.fromkeys(Topic, PARTITIONS)
    for spec in specs(house):
        assert {name: there[spec.topic][name] for name in spec.config} == dict(spec.config)
    recorded = {name: KnownTopic(name, topic.topic_id, PARTITIONS, 1) for name, topic in found.items()}
    assert await known(connection) == recorded
    assert await topics.check(house, connection) == recorded


async def test_a_second_run_changes_nothing(house: Settings, connection: Connection) -> None:
    """`apply` can be repeated."""
    before = await known(connection)
    assert await topics.apply(house) == []
    assert await known(connection) == before


def test_two_processes_at_once_make_one_set_of_topics(house: Settings, tmp_path: Path) -> None:
    """Of two `chat topics apply` on an empty Kafka both succeed, and each topic is made by one of them."""
    names = list(Topic)
    delete_topics(house, *names)
    asyncio.run(forget(house))
    runs = ChatProgram(tmp_path, environment(house)).run_two("topics", "apply", "--json")
    assert [run.status for run in runs] == [0, 0], runs
    made = [change["topic"] for run in runs for change in json.loads(run.out)]
    assert sorted(made) == sorted(names)


async def mended(settings: Settings) -> None:
    try:
        await Waiting().until_served(partial(topics.apply, settings))
    except TopicMismatch:
        delete_topics(settings, *Topic)
        await forget(settings)
        await topics.apply(settings)


async def forget(settings: Settings) -> None:
    """Nothing is recorded any more."""
    connection = await Connection.open(settings)
    for name in await known(connection):
        await connection.execute("DELETE FROM topics WHERE name = %s IF EXISTS", (name,))
    await connection.close()


async def test_settings_that_may_be_altered_are_altered(house: Settings) -> None:
    """A topic whose settings were changed by hand, or by MESSAGE_RETENTION_DAYS, is set right; both values are said."""
    broker(house).alter(Topic.REJECTIONS, {"retention.ms": "1000", "cleanup.policy": "compact"})
    changes = await topics.apply(changed(house, message_retention_days=30))
    assert sorted(map(str, changes)) == [
        "chat.events: retention.ms 31536000000 -> 2592000000",
        "chat.rejections: cleanup.policy compact -> delete",
        "chat.rejections: retention.ms 1000 -> 604800000",
    ]
    now = broker(house).settings_of([Topic.REJECTIONS])[Topic.REJECTIONS]
    assert (now["cleanup.policy"], now["retention.ms"]) == ("delete", "604800000")


async def test_another_replication_is_said_and_left(house: Settings) -> None:
    """Replicas are not moved by us: the difference is reported and nothing is altered."""
    changes = await topics.apply(changed(house, topic_replication=2))
    assert changes == [topics.Change(name, "replicas", "1", "2", done=False) for name in [c.topic for c in changes]]
    assert sorted(change.topic for change in changes) == sorted(Topic)


async def test_the_partition_count_is_for_life(house: Settings) -> None:
    """Another TOPIC_PARTITIONS than the recorded one is refused, naming what was found and what is wanted."""
    other = changed(house, topic_partitions=PARTITIONS * 2)
    with pytest.raises(TopicMismatch, match=rf"with {PARTITIONS} partitions.*TOPIC_PARTITIONS wants {PARTITIONS * 2}"):
        await topics.apply(other)


async def test_partitions_added_by_hand_stop_everything(
    house: Settings, connection: Connection, admin: AdminClient
) -> None:
    """A topic with more partitions than recorded is refused by `apply` and by every process."""
    admin.create_partitions([NewPartitions(str(Topic.EVENTS), 6)])[str(Topic.EVENTS)].result()
    until(lambda: broker(house).describe([Topic.EVENTS])[Topic.EVENTS].partitions == 6)
    serving = serve(house.model_copy(update={"api_port": 0}), asyncio.Event())
    for run in (topics.apply(house), topics.check(house, connection), serving):
        with pytest.raises(TopicMismatch, match=rf"chat\.events has 6 partitions, wanted are {PARTITIONS}"):
            await run


async def test_topics_of_different_sizes_are_refused_before_anything_is_made(
    house: Settings, admin: AdminClient
) -> None:
    """Where one topic has another count than the setting, no other topic is made or recorded."""
    delete_topics(house, *Topic)
    await forget(house)
    admin.create_topics([NewTopic(str(Topic.EVENTS), 3, 1)])[str(Topic.EVENTS)].result()
    until(lambda: Topic.EVENTS in topic_ids(house))
    with pytest.raises(TopicMismatch, match=rf"chat\.events has 3 partitions, wanted are {PARTITIONS}"):
        await topics.apply(house)
    assert topic_ids(house).keys() == {Topic.EVENTS}
    connection = await Connection.open(house)
    assert await known(connection) == {}
    await connection.close()


async def test_a_topic_made_anew_is_never_taken_silently(
    house: Settings, connection: Connection, admin: AdminClient
) -> None:
    """A topic with another id than the recorded one stops `apply` and every process, until a new epoch is opened."""
    make_anew(house, admin, Topic.COMMANDS)
    for run in (topics.apply(house), topics.check(house, connection)):
        with pytest.raises(TopicMadeAnew, match=r"--new-epoch chat\.commands"):
            await run
    for _ in range(2):
        await topics.apply(house, new_epoch=[Topic.COMMANDS])
        epochs = {name: topic.epoch for name, topic in (await topics.check(house, connection)).items()}
        assert epochs == {name: 2 if name == Topic.COMMANDS else 1 for name in Topic}


async def test_a_topic_that_is_gone_is_never_replaced_silently(house: Settings, connection: Connection) -> None:
    """A recorded topic that is missing is not made again before a new epoch is asked for."""
    delete_topics(house, Topic.EVENTS)
    with pytest.raises(TopicMismatch, match=r"chat\.events was there and is gone"):
        await topics.apply(house)
    with pytest.raises(TopicMismatch, match=r"chat\.events is missing"):
        await topics.check(house, connection)
    assert Topic.EVENTS not in topic_ids(house)
    made = await topics.apply(house, new_epoch=[Topic.EVENTS])
    assert [str(change) for change in made] == [f"chat.events: made with {PARTITIONS} partitions"]
    assert (await topics.check(house, connection))[Topic.EVENTS].epoch == 2


async def test_times_that_producers_chose_are_not_taken_for_the_brokers(house: Settings) -> None:
    """A command topic with records under CreateTime is refused; without any it is set right."""
    broker(house).alter(Topic.COMMANDS, {"message.timestamp.type": "CreateTime"})
    assert [str(change) for change in await topics.apply(house)] == [
        "chat.commands: message.timestamp.type CreateTime -> LogAppendTime"
    ]
    broker(house).alter(Topic.COMMANDS, {"message.timestamp.type": "CreateTime"})
    producer = Producer({"bootstrap.servers": house.kafka_bootstrap_servers[0]})
    producer.produce(str(Topic.COMMANDS), b"old")
    assert producer.flush(30) == 0
    with pytest.raises(TopicMismatch, match=r"chat\.commands holds records whose times their producers chose"):
        await topics.apply(house)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("topic", [Topic.COMMANDS, Topic.PRIVACY_COMMANDS])
async def test_a_packed_command_is_measured_unpacked(house: Settings, topic: Topic, codec: str) -> None:
    """A few kilobytes that are megabytes when they are read are refused; under older settings only until `apply`."""
    broker(house).alter(topic, {"compression.type": "producer"})
    until(lambda: sent(house, topic, bytes(3 << 20), codec) is None, what="the older settings")
    changes = [str(change) for change in await topics.apply(house)]
    assert changes == [f"{topic}: compression.type producer -> uncompressed"]
    until(lambda: sent(house, topic, bytes(3 << 20), codec) == "MSG_SIZE_TOO_LARGE", what="the refusal")
    assert sent(house, topic, bytes(1 << 19), codec) is None


@pytest.mark.parametrize("topic", Topic)
@pytest.mark.parametrize("hours", [2, -24 * 400])
def test_what_a_wrong_clock_stamps_is_taken(house: Settings, topic: Topic, hours: int) -> None:
    """A worker's records keep its partitions going, its clock ahead of the brokers' or its command long past."""
    assert sent(house, topic, b"of another time", time=time_ns() // 1_000_000 + hours * 3_600_000) is None


def sent(settings: Settings, topic: Topic, value: bytes, codec: str = "none", time: int = 0) -> str | None:
    """What Kafka has against a record; `time` 0 is now."""
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers[0], "compression.type": codec}
    producer = Producer(config | {"message.max.bytes": 10_000_000})
    errors: list[KafkaError | None] = []
    producer.produce(str(topic), value, b"key", timestamp=time, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    (error,) = errors
    return None if error is None else str(error.name())


async def test_the_first_writer_of_a_record_wins(keyspace: Settings, connection: Connection) -> None:
    """A topic is recorded once; the same again is the same, another id or count is refused."""
    first = await record(connection, "mine", "id-1", 4)
    assert first == KnownTopic("mine", "id-1", 4, 1)
    assert await record(connection, "mine", "id-1", 4) == first
    with pytest.raises(TopicMadeAnew):
        await record(connection, "mine", "id-2", 4)
    with pytest.raises(TopicMismatch, match="has 5 partitions, recorded are 4"):
        await record(connection, "mine", "id-1", 5)
    await forget(keyspace)


async def test_two_operators_open_one_epoch(keyspace: Settings, connection: Connection) -> None:
    """Of several who open an epoch for the same topic at once, all get the same one, and the count still binds."""
    await record(connection, "ours", "id-1", 4)
    opened = await asyncio.gather(*(open_epoch(connection, "ours", "id-2", 4) for _ in range(4)))
    assert opened == [KnownTopic("ours", "id-2", 4, 2)] * 4
    assert (await known(connection))["ours"] == opened[0]
    with pytest.raises(TopicMismatch):
        await open_epoch(connection, "ours", "id-3", 5)
    await forget(keyspace)


async def test_topics_need_the_tables(house: Settings) -> None:
    """Without a keyspace `apply` says what to run first, and makes nothing."""
    delete_topics(house, *Topic)
    with pytest.raises(SchemaMismatch, match="chat migrate"):
        await topics.apply(changed(house, cassandra_keyspace="not_there"))
    assert topic_ids(house) == {}


async def test_a_broker_that_is_away_is_transient(
    house: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is told apart from a wrong answer, and says where nobody answered."""
    monkeypatch.setattr(administration, "SECONDS", 5.0)
    port = free_port()
    with pytest.raises(BrokerUnavailable, match=rf"127\.0\.0\.1:{port}.*refused"):
        await topics.check(changed(house, kafka_bootstrap_servers=(f"127.0.0.1:{port}",)), connection)
