"""Commands whose outcome is durable leave Kafka's log: their words are needed no more.

What was committed is asked of the group's coordinator each time, and nothing else is believed, so it does not matter
who owned the partition before, or whether somebody trims it at the same time. A group that has committed nothing has
nothing to trim. A log never begins after the committed offset by our doing: where one does, the worker stops as ever.

No record is trimmed that is younger than a segment stays open: a log is emptied only once a heartbeat has closed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from chat.broker import Broker, Place
from chat.domain.position import parts
from chat.metrics import TRIMMED
from chat.topic_specs import Topic
from streams.erasure import PATIENCE, until_passed

TOPICS = (Topic.COMMANDS, Topic.PRIVACY_COMMANDS)


@dataclass(frozen=True, slots=True)
class Trim:
    """`committed` says how far the group has come, see `chat.group_offsets`. `after` is the age (ms) at which a record
    goes that was committed, 0 for never; `epoch` that of `chat.commands`.

    `same_topics` returns where the topics are those that were recorded, and raises `TopicMadeAnew` else: an offset that
    was committed in another log says nothing of this one.
    """

    kafka: Broker
    committed: Callable[[Collection[Place]], dict[Place, int]]
    after: int
    epoch: int
    same_topics: Callable[[], Awaitable[object]]
    patience: float = PATIENCE

    async def look(self, partitions: Collection[int], now: int, open_for: Mapping[str, int]) -> None:
        """Trims what is old enough in these partitions. Raises `BrokerUnavailable`, `BrokerRefused`."""
        if self.after:
            places = [Place(topic, one) for topic in TOPICS for one in partitions]
            before = now - max(self.after, *(open_for[topic] for topic in TOPICS))
            await self._delete(await asyncio.to_thread(self._due, places, before))

    async def behind(self, partition: int, fence: int) -> None:
        """Lets a partition of `chat.commands` begin at a fence, once that is committed.

        Raises `BrokerUnavailable` where it is not in time. A fence of another epoch is not in this log.
        """
        epoch, offset = parts(fence)
        if not self.after or epoch != self.epoch:
            return
        place = Place(Topic.COMMANDS, partition)

        async def passed() -> int | None:
            at = (await asyncio.to_thread(self.committed, [place])).get(place, 0)
            return at if at > offset else None

        await until_passed(passed, self.patience)
        await self._delete({place: offset})

    def _due(self, places: Collection[Place], before: int) -> dict[Place, int]:
        """Where each partition is to begin that begins earlier now."""
        committed = self.committed(places)
        younger = self.kafka.first_since(committed, before)
        begins = self.kafka.begins(committed)
        due = {place: min(at, younger.get(place, at)) for place, at in committed.items()}
        return {place: offset for place, offset in due.items() if offset > begins[place]}

    async def _delete(self, offsets: Mapping[Place, int]) -> None:
        if offsets:
            await self.same_topics()
            await asyncio.to_thread(self.kafka.delete_before, offsets)
            TRIMMED.inc(len(offsets))
