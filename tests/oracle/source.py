"""Puts intents on Kafka as any client would, and knows where each of them came to lie."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from tests.oracle.intents import Intent, Logged
from tests.wait import until

TOPIC = "chat.commands"


class Source:
    """A plain idempotent producer that never gives a record up, so what it sent is what the log holds."""

    def __init__(self, bootstrap: str, partitions: int, topic: str = TOPIC) -> None:
        self._topic = topic
        self._partitions = partitions
        self.produced = 0
        self.log: list[Logged] = []
        self.failures: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "delivery.timeout.ms": 600_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )

    def send(self, intents: Iterable[Intent]) -> None:
        """Produces without waiting."""
        for one in intents:
            self._produce(one)
            self._producer.poll(0)

    def flush(self, timeout: float = 60.0) -> None:
        """Returns when the log has every record."""
        rest = self._producer.flush(timeout)
        assert not rest, f"{rest} records were not delivered"
        assert not self.failures, self.failures[0]

    def _produce(self, intent: Intent) -> None:
        arguments: dict[str, Any] = {"key": intent.key, "value": intent.value, "headers": intent.headers}
        if not intent.home:
            arguments["partition"] = (self._home(intent) + 1) % self._partitions
        self._producer.produce(self._topic, on_delivery=self._delivered(intent), **arguments)
        self.produced += 1

    def _home(self, intent: Intent) -> int:
        return int((murmur2("/".join(intent.learner).encode()) & 0x7FFFFFFF) % self._partitions)

    def _delivered(self, intent: Intent) -> Callable[[Any, Any], None]:
        def note(error: Any, message: Any) -> None:
            if error is None:
                self.log.append(Logged(intent, message.partition(), message.offset(), message.timestamp()[1]))
            else:
                self.failures.append(str(error))

        return note


class Stream:
    """A source at a steady rate, in a thread of its own, until it is told to stop or its intents end."""

    def __init__(self, source: Source, intents: Iterator[Intent], rate: int) -> None:
        self.source = source
        self._intents = intents
        self._batch = max(1, rate // 20)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="source", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def until(self, records: int, timeout: float = 60.0) -> None:
        """Returns when that many records are in the log."""
        until(lambda: len(self.source.log) >= records, timeout, f"{records} records in the log")

    def stop(self) -> None:
        """Returns when every record is in the log."""
        self._stopping.set()
        self._thread.join()
        self.source.flush()

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            self.source.send(next(self._intents) for _ in range(self._batch))
