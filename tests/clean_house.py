"""Topics, keyspace and consumer group that nobody has used before."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from chat import topics
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.session import Connection
from chat.topic_specs import Topic, specs
from tests.records import PARTITIONS, settings_for_tests
from tests.wait import until

BrokerOf = Callable[[str, int], int]
"""The number of the broker that has a topic's partition."""


def clean_house(addresses: Addresses, **changes: object) -> Settings:
    """Settings of a house where nothing has happened yet: the topics' names are fixed, so they are made anew."""
    settings = bare_house(addresses, **changes)
    asyncio.run(_furnish(settings))
    return settings


def placed_house(addresses: Addresses, broker_of: BrokerOf, **changes: object) -> Settings:
    """A clean house, each partition of whose topics has one replica, on a broker of the caller's choice."""
    settings = bare_house(addresses, **changes)
    _place(settings, broker_of)
    asyncio.run(_furnish(settings))
    return settings


def bare_house(addresses: Addresses, **changes: object) -> Settings:
    """Settings of a house without tables and topics."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    settings = settings_for_tests(
        kafka_bootstrap_servers=(str(addresses.kafka),),
        cassandra_contact_points=addresses.cassandra,
        cassandra_port=addresses.cassandra_port,
        cassandra_keyspace=name,
        consumer_group=name,
        topic_partitions=PARTITIONS,
        **changes,
    )
    delete_topics(settings, *Topic)
    return settings


def _place(settings: Settings, broker_of: BrokerOf) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "log_level": 0})
    wanted = [
        NewTopic(
            str(spec.topic),
            settings.topic_partitions,
            replica_assignment=[[broker_of(spec.topic, one)] for one in range(settings.topic_partitions)],
            config=dict(spec.config),
        )
        for spec in specs(settings)
    ]
    for creation in admin.create_topics(wanted).values():
        creation.result()


def delete_topics(settings: Settings, *names: str) -> None:
    """Deletes those of the topics that are there, and returns when they are gone."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "log_level": 0})

    def gone() -> bool:
        try:
            return _none_left(admin, names)
        except KafkaException:  # a broker that stands still is asked again
            return False

    until(gone, what="the end of the topics")


def _none_left(admin: AdminClient, names: Iterable[str]) -> bool:
    """Deletes what is there; whether that was nothing."""
    there = [name for name in names if name in admin.list_topics(timeout=10).topics]
    for deletion in (admin.delete_topics(there) if there else {}).values():
        _ignore_gone(deletion)
    return not there


def _ignore_gone(deletion: Any) -> None:
    error = deletion.exception()
    if error is not None and error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
        raise error


def drop_keyspace(settings: Settings) -> None:
    """Hands back the memory that a keyspace's tables take of a small Cassandra."""
    asyncio.run(_drop(settings))


async def _drop(settings: Settings) -> None:
    connection = await Connection.open(settings)
    await connection.run(f"DROP KEYSPACE {settings.cassandra_keyspace}")
    await connection.close()


async def _furnish(settings: Settings) -> None:
    await migrate.migrate(settings)
    await topics.apply(settings)
