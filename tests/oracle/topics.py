"""Reads what the service said, and how far its consumer group has come."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

import schemas
from chat.heartbeat import is_heartbeat
from tests.oracle.source import TOPIC
from tests.wait import until

EVENTS, REJECTIONS, DEAD_LETTER = "chat.events", "chat.rejections", "chat.dead-letter"
OUTCOMES = (EVENTS, REJECTIONS, DEAD_LETTER)
Place = tuple[str, int]


class NoAnswer(AssertionError):
    """Kafka did not answer for a minute."""


class Said(NamedTuple):
    """A record of an outcome topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def is_tombstone(self) -> bool:
        """Whether it is on the events only so that compaction removes its key."""
        return self.topic == EVENTS and self.value is None

    @property
    def name(self) -> str:
        """Where it lies, to be shown."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    @property
    def record(self) -> schemas.Record:
        """An event or a refusal, decoded."""
        return schemas.decode(self.value)

    def header(self, name: str) -> str:
        """A header's text."""
        return dict(self.headers).get(name, b"").decode()


class Reader:
    """Reads the outcome topics on and on, from their beginning, without any group."""

    def __init__(self, bootstrap: str, partitions: int, topics: Iterable[str] = OUTCOMES) -> None:
        self._places = [TopicPartition(topic, partition, 0) for topic in topics for partition in range(partitions)]
        self._config = _config(bootstrap, "oracle-reader")
        self.read: list[Said] = []
        self._next: dict[Place, int] = {(one.topic, one.partition): 0 for one in self._places}
        self._consumer = self._fresh()

    def _fresh(self) -> Consumer:
        consumer = Consumer(self._config)
        consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])
        return consumer

    def poll(self, timeout: float = 0.05) -> list[Said]:
        """What came since, at once or after at most `timeout` seconds."""
        first = self._consumer.poll(timeout)
        found = [] if first is None else [first, *self._consumer.consume(500, 0)]
        came = [_said(one) for one in found if not one.error()]
        for one in came:
            self._next[one.topic, one.partition] = one.offset + 1
        said = [one for one in came if not is_heartbeat(one.key, one.value)]
        self.read += said
        return said

    def ends(self) -> dict[Place, int]:
        """Where each partition ends now. A consumer of its own asks: one that saw the broker go may ask it no more."""
        self._consumer.close()
        self._consumer = self._fresh()
        return {(one.topic, one.partition): end_of(self._consumer, one) for one in self._places}

    def read_to(self, ends: dict[Place, int]) -> list[Said]:
        """Everything, once all before `ends` was read."""
        while any(self._next[place] < end for place, end in ends.items()):
            self.poll(1.0)
        return self.read

    def close(self) -> None:
        self._consumer.close()


class Group:
    """A look at a consumer group from outside; never a member of it."""

    def __init__(self, bootstrap: str, group: str, partitions: int) -> None:
        self._group = group
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._consumer = Consumer(_config(bootstrap, group))
        self._places = [TopicPartition(TOPIC, partition) for partition in range(partitions)]

    def committed(self) -> dict[int, int]:
        """The committed offset of each partition, 0 where there is none."""
        answers = answered(self._consumer, lambda: self._consumer.committed(self._places, timeout=10))
        return {one.partition: max(0, one.offset) for one in answers}

    def ends(self) -> dict[int, int]:
        """The next offset of each partition of the command topic."""
        return {one.partition: end_of(self._consumer, one) for one in self._places}

    def members(self) -> int:
        """How many workers are in the group."""
        described = self._admin.describe_consumer_groups([self._group], request_timeout=30)
        return len(described[self._group].result().members)

    def rewind(self) -> None:
        """Sets the group back to the beginning; it must have no member."""
        places = [TopicPartition(one.topic, one.partition, 0) for one in self._places]
        self._consumer.commit(offsets=places, asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


def answered(consumer: Consumer, ask: Callable[[], Any]) -> Any:
    """The answer to a question, for a broker takes a while to come to itself after it was away. Raises `NoAnswer`."""

    def answer() -> tuple[Any] | None:
        try:
            return (ask(),)
        except KafkaException:
            with suppress(KafkaException):
                consumer.list_topics(timeout=5)  # so that it asks again who leads
        return None

    try:
        return until(answer, 60, "an answer of Kafka")[0]
    except AssertionError as late:
        raise NoAnswer(*late.args) from None


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """The next offset of a partition."""
    return int(answered(consumer, lambda: consumer.get_watermark_offsets(place, timeout=10))[1])


def _config(bootstrap: str, group: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 20,
        "topic.metadata.refresh.interval.ms": 2_000,  # a broker that slept names no leaders for a while
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
    }


def _said(message: Any) -> Said:
    headers = tuple((name, value or b"") for name, value in message.headers() or ())
    return Said(message.topic(), message.partition(), message.offset(), message.key(), message.value(), headers)


def by_partition(said: Iterable[Said], topic: str) -> Iterator[list[Said]]:
    """The records of a topic, a partition at a time, in order."""
    found: dict[int, list[Said]] = {}
    for one in said:
        if one.topic == topic:
            found.setdefault(one.partition, []).append(one)
    for records in found.values():
        yield sorted(records, key=lambda one: one.offset)
