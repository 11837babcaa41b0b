"""The topics that this process reads have the partitions that were recorded, or it ends: with another number, what was
said of a learner would be looked for in the wrong place.
"""

import asyncio
from collections.abc import Callable

from api.health import KafkaProbe
from chat.errors import BrokerUnavailable, StorageUnavailable
from chat.storage import topic_registry
from chat.storage.session import Connection
from chat.topic_specs import Topic
from chat.topics import require_partitions

READ = (Topic.EVENTS, Topic.REJECTIONS)
RETRY_SECONDS = 1.0
CHECK_SECONDS = 60.0
"""From one look to the next."""


async def watch(kafka: KafkaProbe, connected: Callable[[], Connection]) -> None:
    """Looks again and again, until it is cancelled; who is away is asked later. Raises `TopicMismatch`."""
    while True:
        try:
            await _check(kafka, connected())
            pause = CHECK_SECONDS
        except (StorageUnavailable, BrokerUnavailable):
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)


async def _check(kafka: KafkaProbe, connection: Connection) -> None:
    known, found = await topic_registry.known(connection), await kafka.partitions()
    for name in READ:
        if name in known and name in found:
            require_partitions(name, found[name], known[name].partitions)
