"""The live end of `chat.events`: one consumer a process, of no group, that follows the partitions of those listened to.

Where a partition's end is, is asked before its records are: so from the answer on nothing is passed over, and whoever
then reads the tables has all that was before. While Kafka is away the consumer keeps its positions.
"""

import asyncio
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.live.events import Record
from chat.broker import typed
from chat.domain.model import Learner
from chat.domain.partition import learner_key, partition_of
from chat.errors import BrokerRefused, BrokerUnavailable, NotSent, TopicMismatch, Transient
from chat.kafka import headers_of, librdkafka
from chat.settings import Settings
from chat.topic_specs import Topic

BATCH = 500
POLL_SECONDS = 0.05
"""How long a wait for records lasts; so long at most a new listener waits for its partition's turn."""

PATIENCE_SECONDS = 5.0
RETRY_SECONDS = 1.0
CONSUMER = {
    "group.id": "aivo-chat-live",  # the client wants one; nothing is ever committed
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "reconnect.backoff.max.ms": 1_000,
    "queued.max.messages.kbytes": 16_384,
}

_log = structlog.get_logger()


class Audience(Protocol):
    """Who listens."""

    async def somebody(self) -> None:
        """Returns when somebody does."""
        ...

    def learners(self) -> frozenset[Learner]:
        """To whose threads; the same object as long as they are the same."""
        ...

    def followed(self, learners: Collection[Learner], begun: Collection[Learner]) -> None:
        """Every event of `learners` is heard; of those `begun` from now on only, so some before may not have been."""
        ...

    def hear(self, record: Record) -> None:
        """One record, in the order of its partition."""
        ...

    def waits(self, *, away: bool) -> None:
        """Whether Kafka is away."""
        ...


class Turn(NamedTuple):
    """What one wait brought: learners whose events are followed from now on only, and records."""

    begun: Collection[Learner]
    records: list[Record]


async def keep(settings: Settings, audience: Audience) -> None:
    """Tells `audience` what happens, until it is cancelled."""
    loop = asyncio.get_running_loop()
    follower = Follower(settings)
    with ThreadPoolExecutor(1, "live-events") as thread:
        try:
            while True:
                if not audience.learners():
                    await loop.run_in_executor(thread, follower.rest)
                await audience.somebody()
                learners = audience.learners()
                try:
                    turn = await loop.run_in_executor(thread, follower.turn, learners)
                except (BrokerUnavailable, BrokerRefused, NotSent, TopicMismatch) as error:
                    _log.warning("waiting_for_kafka", reason=str(error))
                    audience.waits(away=True)
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    audience.waits(away=False)
                    audience.followed(learners, turn.begun)
                    for record in turn.records:
                        audience.hear(record)
        finally:
            await loop.run_in_executor(thread, follower.close)


class Follower:
    """The consumer; every method blocks, and raises `BrokerUnavailable`, `BrokerRefused` or `TopicMismatch`.

    After `BrokerUnavailable` positions are kept; after the others it begins anew, at the ends.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Any = None
        self._partitions = 0
        self._followed: set[int] = set()
        self._told: frozenset[Learner] = frozenset()
        self._suspect = False
        self._fault: Exception | None = None

    def turn(self, learners: frozenset[Learner]) -> Turn:
        """Follows these learners and no others, and waits a moment for records."""
        try:
            self._check()
            begun = self._follow(learners)
        except KafkaException as error:
            raise typed(error.args[0]) from error
        return Turn(begun, self._poll())

    def rest(self) -> None:
        """Nobody listens: lets its positions go, for nobody wants to hear what was said meanwhile."""
        self._leave(set(self._followed))
        self._told = frozenset()

    def close(self) -> None:
        """Lets the consumer and its positions go."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer, self._followed, self._told = None, set(), frozenset()

    def _check(self) -> None:
        """Raises what was found out during the last turn; asks a broker where it may be away."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            self.close()
            raise fault
        if self._consumer is None:
            self._open()
        if self._suspect:
            _count(self._consumer)
            self._suspect = False

    def _open(self) -> None:
        consumer = Consumer(librdkafka(self._settings) | CONSUMER | {"error_cb": self._hear})
        with ExitStack() as unless_counted:
            unless_counted.callback(consumer.close)
            self._partitions = _count(consumer)
            unless_counted.pop_all()
        self._consumer = consumer

    def _follow(self, learners: frozenset[Learner]) -> set[Learner]:
        """Those of the learners whose partitions were not followed before."""
        if learners is self._told:
            return set()
        places = {one: self._partition(one) for one in learners}
        begun = self._begin(set(places.values()) - self._followed)
        self._leave(self._followed - set(places.values()))
        self._told = learners
        return {one for one in learners if places[one] in begun}

    def _partition(self, one: Learner) -> int:
        return partition_of(learner_key(*one).encode(), self._partitions)

    def _begin(self, partitions: Iterable[int]) -> set[int]:
        ends = {one: self._end(one) for one in partitions}
        self._consumer.incremental_assign([TopicPartition(Topic.EVENTS, one, end) for one, end in ends.items()])
        self._followed |= set(ends)
        return set(ends)

    def _end(self, partition: int) -> int:
        place = TopicPartition(Topic.EVENTS, partition)
        _, end = self._consumer.get_watermark_offsets(place, timeout=PATIENCE_SECONDS, cached=False)
        return int(end)

    def _leave(self, partitions: Collection[int]) -> None:
        if partitions:
            self._consumer.incremental_unassign([TopicPartition(Topic.EVENTS, one) for one in partitions])
            self._followed -= set(partitions)

    def _poll(self) -> list[Record]:
        """`consume` alone would wait for a whole batch."""
        try:
            first = self._consumer.poll(POLL_SECONDS)
            messages = [] if first is None else [first, *self._consumer.consume(BATCH, 0)]
        except KafkaException as error:
            self._fault = typed(error.args[0])
            return []
        return [_record(one) for one in messages if self._is_good(one)]

    def _is_good(self, message: Message) -> bool:
        """Whether it is a record; else it says what is wrong, and what came before it counts."""
        error = message.error()
        if error is not None:
            self._hear(error)
            fault = typed(error)
            if not isinstance(fault, Transient):  # a position that is no more, a topic that is gone
                self._fault = fault
        return error is None

    def _hear(self, _error: KafkaError) -> None:
        self._suspect = True


def _count(consumer: Consumer) -> int:
    """How many partitions the events have."""
    found = consumer.list_topics(str(Topic.EVENTS), timeout=PATIENCE_SECONDS).topics[Topic.EVENTS]
    if found.error is not None or not found.partitions:
        raise TopicMismatch(f"{Topic.EVENTS} is missing: run `chat topics apply`")
    return len(found.partitions)


def _record(message: Message) -> Record:
    return Record(message.key() or b"", message.value(), message.timestamp()[1], headers_of(message))
