"""Hears every event of a run: that none is missing, that each thread's are in order, and how old they were."""

from array import array
from typing import Any, NamedTuple

import schemas
from bench.measure import MeasurementError, Seen, awaited, quantiles, sent_at
from chat.topic_specs import Topic

ALL = "all"
ONE = "the one learner"
BESIDE = "others of its partition"
ELSEWHERE = "others elsewhere"


class Heard(NamedTuple):
    """Of each kind of learner: rate a second and ages in ms; `seconds` from the first event's arrival to the last's."""

    seconds: float
    ages: dict[str, Seen]


def hear(events: int, one: str = "") -> Heard:
    """Until so many messages were made known; for the process that attends to them.

    With `one` learner its events, those of others on its partition, and all other are kinds of their own. Raises
    `MeasurementError` where a command was refused, and where a thread's `seq` does not go on by one.
    """
    order, kinds = Order(), Kinds(one)
    for _ in range(events):
        message, arrived = awaited()
        if message.topic() != Topic.EVENTS:
            raise MeasurementError(f"a command was refused: {message.value()!r}")
        fields = schemas.decode(message.value() or b"").fields
        order.take(fields["data"]["thread_id"], fields["data"]["seq"])
        kinds.take(fields["learner_id"], message.partition(), sent_at(message), arrived)
    return Heard(kinds.seconds, kinds.seen())


class Order:
    """How far each thread has come."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def take(self, thread_id: str, seq: int) -> None:
        """Raises `MeasurementError` where `seq` is not the next one."""
        last = self._last.get(thread_id, seq - 1)
        if seq != last + 1:
            raise MeasurementError(f"thread {thread_id}: {seq} came after {last}")
        self._last[thread_id] = seq


class Kinds:
    """Ages by kind of learner: which partition is the one learner's shows with its first event."""

    def __init__(self, one: str) -> None:
        self._one = one
        self._ages: dict[tuple[int, bool], array[float]] = {}
        self._first, self._last = float("inf"), 0.0
        self._partition: int | None = None

    def take(self, learner_id: str, partition: int, sent: float, arrived: float) -> None:
        """An event; times in seconds."""
        its_own = learner_id == self._one
        if its_own:
            self._partition = partition
        self._ages.setdefault((partition, its_own), array("f")).append((arrived - sent) * 1000)
        self._first, self._last = min(self._first, arrived), arrived

    @property
    def seconds(self) -> float:
        """From the first arrival to the last."""
        return self._last - self._first

    def seen(self) -> dict[str, Seen]:
        """Of each kind that there is."""
        gathered: dict[str, array[float]] = {}
        for where, ages in self._ages.items():
            gathered.setdefault(self._kind(*where), array("f")).extend(ages)
        return {kind: Seen(len(ages) / self.seconds, *quantiles(sorted(ages))) for kind, ages in gathered.items()}

    def _kind(self, partition: int, its_own: Any) -> str:
        if self._partition is None:
            return ALL
        if its_own:
            return ONE
        return BESIDE if partition == self._partition else ELSEWHERE
