"""What the service has said, read from `chat.events` itself: the tables may not know what a late writer said."""

import asyncio
from collections.abc import AsyncIterator

from chat.broker import Place
from chat.partition_reader import Kept, end_of, read
from chat.settings import Settings
from chat.topic_specs import Topic


class EventLog:
    """The partitions of `chat.events`. Every method raises `BrokerUnavailable` or `BrokerRefused`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def end(self, partition: int) -> int:
        """The offset of the next event."""
        return await asyncio.to_thread(end_of, self._settings, Place(Topic.EVENTS, partition))

    async def since(self, partition: int, offset: int) -> AsyncIterator[list[tuple[str, bool]]]:
        """Page by page, from an offset to the end: each record's key, and whether it is a Kafka tombstone."""
        batches = read(self._settings, Place(Topic.EVENTS, partition), offset)
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            yield [_said(one) for one in batch]


def _said(one: Kept) -> tuple[str, bool]:
    return (one.key or b"").decode(errors="replace"), one.value is None
