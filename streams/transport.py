"""Faust's Kafka transport with our consumer and an idempotent producer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from faust.transport.drivers.aiokafka import Producer, Transport

from streams.consumer import ChunkConsumer
from streams.metadata import pace

FOREVER = float("inf")
_log = structlog.get_logger()


class IdempotentProducer(Producer):
    """One aiokafka producer for the process: acks=all, idempotent, and it never gives a batch up."""

    _producer: AIOKafkaProducer | None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._replacing = asyncio.Lock()

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        # aiokafka has no delivery timeout of its own: it takes the request's, after which it would drop a batch.
        producer._message_accumulator._batch_ttl = FOREVER  # noqa: SLF001
        pace(producer.client)
        return producer

    @property
    def current(self) -> AIOKafkaProducer:
        """The producer in use."""
        return self._ensure_producer()

    async def replace(self, failed: AIOKafkaProducer) -> None:
        """Starts another producer where `failed` is still the one in use. Raises KafkaError while that fails."""
        stale: Any = failed
        async with self._replacing:
            if self._producer is not failed:
                return
            _log.warning("producer_replaced")
            fresh: AIOKafkaProducer = self._new_producer()
            await fresh.start()
            self._producer = fresh
        await stale.stop()
        # Who waited for room in it until now has put a batch there that nobody sends any more.
        stale._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - aiokafka has no other door

    async def flush(self) -> None:
        """Nothing to do: whoever publishes awaits the acknowledgement."""


class ChunkTransport(Transport):
    """Kafka by aiokafka, in chunks."""

    Consumer = ChunkConsumer
    Producer = IdempotentProducer
