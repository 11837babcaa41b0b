"""Segments to which nothing comes any more are closed, so that Kafka can compact and delete what lies in them.

An owner of partitions looks at what the log itself says, so it does not matter who looked before. A partition gets one
heartbeat when nothing came to it for as long as it keeps a segment open, which is then closed by the heartbeat; and
none as long as a heartbeat is its newest record: then nothing waits. See `chat.heartbeat`.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chat.broker import Broker, Place
from chat.heartbeat import KEY, is_heartbeat
from chat.metrics import HEARTBEATS
from chat.partition_reader import Kept, last
from chat.settings import Settings
from chat.topic_specs import Topic
from streams.publish import Outgoing, Publisher

TOPICS = (Topic.COMMANDS, Topic.PRIVACY_COMMANDS, Topic.EVENTS)


class NewestRecord(Protocol):
    """See `chat.partition_reader.last`."""

    def __call__(self, settings: Settings, place: Place, /) -> Kept | None: ...


@dataclass(slots=True)
class Heartbeats:
    """`_closed` holds the ends of partitions that were found with a heartbeat there, which saves reading it again."""

    settings: Settings
    kafka: Broker
    publisher: Publisher
    newest: NewestRecord = last
    _closed: dict[Place, int] = field(default_factory=dict)

    async def look(self, partitions: Collection[int], now: int, open_for: Mapping[str, int]) -> None:
        """Closes what is open too long; `open_for` as `segments_open` tells it. Raises `BrokerUnavailable`."""
        for topic in TOPICS:
            places = [Place(topic, one) for one in partitions]
            for place, end in (await asyncio.to_thread(self._idle, places, now - open_for[topic])).items():
                await self._close(place, end, now)

    def _idle(self, places: Collection[Place], since: int) -> dict[Place, int]:
        """Those to which nothing came since a time, and where they end, but for those known to be closed."""
        lively = self.kafka.first_since(places, since)
        ends = self.kafka.ends([one for one in places if one not in lively])
        return {place: end for place, end in ends.items() if self._closed.get(place) != end}

    async def _close(self, place: Place, end: int, now: int) -> None:
        newest = await asyncio.to_thread(self.newest, self.settings, place)
        if newest is not None and not is_heartbeat(newest.key, newest.value):
            await self.publisher.publish(place.topic, place.partition, [Outgoing(KEY, None, now, [])])
            HEARTBEATS.labels(place.topic).inc()
        else:
            self._closed[place] = end


def segments_open(kafka: Broker) -> dict[str, int]:
    """For how long (ms) the brokers leave a segment of each topic open. Raises `BrokerUnavailable`."""
    found = kafka.settings_of(TOPICS)
    return {topic: min(int(one["segment.ms"]), int(one["max.compaction.lag.ms"])) for topic, one in found.items()}
