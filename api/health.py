"""Whether Cassandra and Kafka answer. An answer counts for a second, so that many askers cost the servers one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chat.errors import BrokerUnavailable, StorageUnavailable
from chat.kafka import librdkafka
from chat.settings import Settings

FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 2.0
"""A server that needs longer counts as away."""

Probe = Callable[[], Awaitable[None]]
"""Returns when its server answers; raises `StorageUnavailable` or `BrokerUnavailable` when it does not."""


class Health:
    """The servers' states, by name: `up` or `down`."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._asking = asyncio.Lock()
        self._states: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def states(self) -> dict[str, str]:
        """Each server's state, at most a second old."""
        async with self._asking:
            if time.monotonic() - self._asked_at > FRESH_SECONDS:
                states = await asyncio.gather(*map(_state, self._probes.values()))
                self._states = dict(zip(self._probes, states, strict=True))
                self._asked_at = time.monotonic()
        return self._states


class KafkaProbe:
    """Asks a broker for the cluster's metadata, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient(librdkafka(settings))

    async def __call__(self) -> None:
        await self.partitions()

    async def partitions(self) -> dict[str, int]:
        """How many each topic has that is there. Raises `BrokerUnavailable`."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> dict[str, int]:
        try:
            found = self._admin.list_topics(timeout=PATIENCE_SECONDS).topics
        except KafkaException as error:
            raise BrokerUnavailable("Kafka gave no metadata") from error
        return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}


async def _state(probe: Probe) -> str:
    try:
        await asyncio.wait_for(probe(), PATIENCE_SECONDS)
    except (BrokerUnavailable, StorageUnavailable, TimeoutError):
        return "down"
    return "up"
