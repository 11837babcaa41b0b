"""What the two producers share: confluent_kafka's plain producer, and the consumer that hears the outcomes.

(confluent_kafka's AIOProducer and `produce_batch` refuse or drop headers, so neither is used.)
"""

import functools
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from chat.broker import Place, broker, describe_all, typed
from chat.errors import BadInput, BrokerUnavailable, ChatError, Transient
from chat.kafka import headers_of, librdkafka
from chat.sdk.ledger import Ledger, Pending
from chat.sdk.outcome import READERS, Heard, Position, verdict
from chat.sdk.record import Outgoing
from chat.settings import Settings

Headers = Sequence[tuple[str, bytes]]

PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "linger.ms": 5,
    "message.max.bytes": 1 << 20,
}
CONSUMER = {
    "group.id": "aivo-chat-outcomes",  # asked for by the library; we join no group and commit nothing
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,  # a partition that is added waits for the fetch under way
}
POLL_SECONDS = 0.05


class Client:
    """Sends records and hears their outcomes, in two threads of its own. `close` ends them."""

    def __init__(self, settings: Settings, *, outcomes: bool) -> None:
        self._settings = settings
        self._ledger = Ledger()
        self._partitions: dict[str, int] = {}
        self._watched: set[int] = set()
        self._watching = threading.Lock()
        self._wanted: SimpleQueue[list[TopicPartition]] = SimpleQueue()
        self._closed = threading.Event()
        self._producer = Producer(librdkafka(settings) | PRODUCER)
        self._consumer = Consumer(librdkafka(settings) | CONSUMER) if outcomes else None
        loops = [self._deliver] + ([self._listen] if outcomes else [])
        self._threads = [threading.Thread(target=loop, name=loop.__name__, daemon=True) for loop in loops]
        for thread in self._threads:
            thread.start()

    def send(self, record: Outgoing, headers: Headers) -> Pending:
        """Queues a record; blocks while the queue is full, and at a partition's first record.

        Raises `TopicMismatch`, `NotSent`, `BrokerRefused` or `BrokerUnavailable`; then it was not queued.
        """
        partition = record.partition(self._partition_count(record.topic))
        if self._consumer is not None:
            self._watch(partition)
        pending = Pending(record.command.get("command_id"), record.identity, Place(str(record.topic), partition))
        self._ledger.expect(pending)
        self._queue(record, partition, headers, pending)
        return pending

    def flush(self, seconds: float) -> None:
        """Returns when Kafka has said its word on every record. Raises `BrokerUnavailable` where it takes too long."""
        left = self._producer.flush(seconds)
        if left:
            raise BrokerUnavailable(f"Kafka has not acknowledged {left} records within {seconds:g} s")

    def close(self) -> None:
        """Ends the threads; what was not flushed may be lost."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _partition_count(self, topic: str) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = describe_all(broker(self._settings), [topic])[topic].partitions
        return self._partitions[topic]

    def _watch(self, partition: int) -> None:
        """Listens to a partition's outcomes, from where they end before the first command that we put on it."""
        with self._watching:
            if partition not in self._watched:
                ends = broker(self._settings).ends(Place(topic, partition) for topic in READERS)
                self._wanted.put([TopicPartition(str(at.topic), at.partition, end) for at, end in ends.items()])
                self._watched.add(partition)

    def _queue(self, record: Outgoing, partition: int, headers: Headers, pending: Pending) -> None:
        send = functools.partial(
            self._producer.produce,
            str(record.topic),
            record.value,
            record.key,
            partition,
            functools.partial(self._delivered, pending),
            headers=list(headers),
        )
        while True:
            try:
                send()
            except BufferError:
                self._producer.poll(POLL_SECONDS)
            except KafkaException as problem:
                error = typed(problem.args[0])
                self._ledger.fail(pending, error)
                raise error from None
            else:
                return

    def _delivered(self, pending: Pending, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._ledger.fail(pending, typed(error))
            return
        position = Position(message.topic(), message.partition(), message.offset())
        self._ledger.place(pending, position, message.timestamp()[1])
        if self._consumer is None:
            self._ledger.give_up(BadInput("outcomes", "were not asked for when the producer was made"))

    def _deliver(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(POLL_SECONDS)

    def _listen(self) -> None:
        """The only thread that touches the consumer: its calls block one another."""
        consumer: Any = self._consumer
        try:
            while not self._closed.is_set():
                while not self._wanted.empty():
                    consumer.incremental_assign(self._wanted.get())
                for message in consumer.consume(500, POLL_SECONDS):
                    self._hear(message)
        except Exception as error:
            self._ledger.give_up(error)  # a thread that ends is seen by nobody who waits
            raise
        finally:
            consumer.close()

    def _hear(self, message: Message) -> None:
        if message.error() is not None:
            self._mishear(typed(message.error()))
            return
        heard = Heard(message.topic(), message.value(), dict(headers_of(message)), message.timestamp()[1])
        said = verdict(heard)
        if said is not None:
            self._ledger.hear(said)

    def _mishear(self, error: ChatError) -> None:
        if not isinstance(error, Transient):  # the library tries again by itself
            self._ledger.give_up(error)
