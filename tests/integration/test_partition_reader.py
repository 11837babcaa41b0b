"""A partition is read to where it ended when one began."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from chat.broker import Place
from chat.partition_reader import end_of, last, read
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.wait import until

PLACE = Place(Topic.EVENTS, 0)
PAUSE = 0.02
"""Seconds between two records: shorter than a broker waits before it says that there are no more."""


@pytest.fixture
def written(fresh: Settings) -> Iterator[int]:
    """How many records there were at least before the partition began to be written to without an end."""
    producer, stopping = Producer({"bootstrap.servers": fresh.kafka_bootstrap_servers[0]}), threading.Event()

    def write() -> None:
        while not stopping.wait(PAUSE):
            producer.produce(*PLACE[:1], b"value", b"key", PLACE.partition)
            producer.poll(0)

    writing = threading.Thread(target=write)
    writing.start()
    until(lambda: end_of(fresh, PLACE) >= 10, what="the first records")
    yield 10
    stopping.set()
    writing.join()
    assert producer.flush(30) == 0


def test_a_partition_that_is_always_written_to_has_an_end(fresh: Settings, written: int) -> None:
    """Every record before it, none twice; the reader comes back although the writer goes on."""
    read_all: list[list[int]] = []

    def read_it() -> None:
        read_all.append([one.offset for batch in read(fresh, PLACE) for one in batch])

    reading = threading.Thread(target=read_it, daemon=True)
    before = end_of(fresh, PLACE)
    reading.start()
    reading.join(90)
    (offsets,) = read_all
    assert offsets == list(range(len(offsets)))
    assert written <= before <= len(offsets) <= end_of(fresh, PLACE)
    assert list(read(fresh, PLACE, end_of(fresh, PLACE) + 1_000)) == []
    newest = last(fresh, PLACE)
    assert newest is not None
    assert newest.offset >= len(offsets) - 1
