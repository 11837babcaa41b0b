"""The topics that this process reads have the partitions that were recorded, or it ends: with another number, what was
said of a learner would be looked for in the wrong place.
"""

import asyncio
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from api.health import PATIENCE_SECONDS
from chat.errors import BrokerUnavailable, StorageUnavailable, TopicMismatch
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.storage import topic_registry
from chat.storage.session import Connection
from chat.topic_specs import Topic

READ = (Topic.EVENTS, Topic.REJECTIONS)
RETRY_SECONDS = 1.0
CHECK_SECONDS = 60.0
"""From one look to the next."""


async def watch(settings: Settings, connected: Callable[[], Connection]) -> None:
    """Looks again and again, until it is cancelled; who is away is asked later. Raises `TopicMismatch`."""
    admin = AdminClient(librdkafka(settings))
    while True:
        try:
            known = await topic_registry.known(connected())
            _require({name: one.partitions for name, one in known.items()}, await asyncio.to_thread(_counts, admin))
            pause = CHECK_SECONDS
        except (StorageUnavailable, BrokerUnavailable):
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)


def _counts(admin: AdminClient) -> dict[str, int]:
    """The partitions of each topic that is there."""
    try:
        found = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    except KafkaException as error:
        raise BrokerUnavailable("Kafka gave no metadata") from error
    return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}


def _require(recorded: Mapping[str, int], found: Mapping[str, int]) -> None:
    for name in READ:
        if name in found and found[name] != recorded.get(name, found[name]):
            raise TopicMismatch(f"{name} has {found[name]} partitions, recorded are {recorded[name]}, fixed for life")
