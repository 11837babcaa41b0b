"""What the two consumers share: records of `chat.events` of a consumer group, each counted as handled by its reader."""

import threading
from collections import OrderedDict

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chat.broker import typed
from chat.errors import Transient
from chat.kafka import headers_of, librdkafka
from chat.sdk.change import Change, Event, Raw
from chat.sdk.outcome import Position
from chat.settings import Settings
from chat.topic_specs import Topic

CONSUMER = {
    "enable.auto.commit": True,  # of what was stored as handled, and of nothing else
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",
}
REMEMBERED = 100_000
"""How many event ids a consumer keeps in mind to know repeats by; about 20 MB."""


class Seen:
    """The ids of the latest events that were handled."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._size = size

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def add(self, event_id: str) -> None:
        """Remembers one, and forgets the oldest where there is no room."""
        self._ids[event_id] = None
        self._ids.move_to_end(event_id)
        if len(self._ids) > self._size:
            self._ids.popitem(last=False)


class Feed:
    """Records in their partitions' order; one that was not handled comes again."""

    def __init__(self, settings: Settings, group: str) -> None:
        self._consumer = Consumer(librdkafka(settings) | CONSUMER | {"group.id": group})
        self._consumer.subscribe([str(Topic.EVENTS)])
        self._seen = Seen()
        self._turn = threading.Lock()
        self._unhandled: Raw | None = None

    def next(self, seconds: float) -> Raw | None:
        """The next record; None where none came in time, or Kafka is away. Raises `BrokerRefused`.

        With no `seconds` it never blocks. A thread whose caller was cancelled may still wait for a record.
        """
        if not self._turn.acquire(blocking=seconds > 0):
            return None
        try:
            self._unhandled = self._unhandled or self._poll(seconds)
            return self._unhandled
        finally:
            self._turn.release()

    def _poll(self, seconds: float) -> Raw | None:
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        if message.error() is not None:
            error = typed(message.error())
            if isinstance(error, Transient):  # the library tries again by itself
                return None
            raise error
        return _raw(message)

    def is_repeat(self, change: Change | None) -> bool:
        """Whether an event was handled before."""
        return isinstance(change, Event) and change.event_id in self._seen

    def handled(self, raw: Raw, change: Change | None) -> None:
        """Its offset may be committed now."""
        self._unhandled = None
        if isinstance(change, Event):
            self._seen.add(change.event_id)
        topic, partition, offset = raw.position
        try:
            self._consumer.store_offsets(offsets=[TopicPartition(topic, partition, offset + 1)])
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
                raise typed(problem.args[0]) from None
            # The partition is another member's now, which reads the record again.

    def close(self) -> None:
        """Commits what was handled and leaves the group."""
        self._consumer.close()


def _raw(message: Message) -> Raw:
    position = Position(message.topic(), message.partition(), message.offset())
    return Raw(message.key() or b"", message.value(), headers_of(message), position)
