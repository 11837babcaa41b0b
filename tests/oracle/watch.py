"""Looks on while workers run: what is wrong for a moment only would be gone at the end."""

import threading
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session
from confluent_kafka import KafkaException

from tests.oracle.effects import Effects
from tests.oracle.findings import Finding
from tests.oracle.topics import EVENTS, Group, NoAnswer, Place, Reader, Said

AWAY = (KafkaException, NoAnswer, DriverException, NoHostAvailable)
NEWEST = 4
"""Events of a batch whose effect is looked for: the last ones, which were written last."""


class Sample(NamedTuple):
    """The committed offsets of a moment, and where the outcome topics ended right after it."""

    committed: dict[int, int]
    ends: dict[Place, int]


class _Watch:
    """Something that is done over and over in a thread of its own; a server that is away is none of its business.

    Whatever else ends the thread is a failure of the run: from then on nobody looked.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        looked_on = self._thread.is_alive()
        self._stopping.set()
        self._thread.join()
        assert looked_on, f"{self._thread.name} ended in the middle of the run"

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            with suppress(*AWAY):
                self._look()

    def _look(self) -> None:
        raise NotImplementedError


class CommitWatch(_Watch):
    """Samples the committed offsets."""

    def __init__(self, group: Group, reader: Reader) -> None:
        super().__init__(0.1)
        self._group = group
        self._reader = reader
        self.samples: list[Sample] = []

    def _look(self) -> None:
        committed = self._group.committed()
        if not self.samples or committed != self.samples[-1].committed:
            # Read after the commit, so an outcome that is not there by now came too late.
            self.samples.append(Sample(committed, self._reader.ends()))


class EventWatch(_Watch):
    """Looks for the effect of an event as soon as it can be read, and again where Cassandra does not answer.

    Findings are by learner: the erased have no rows.
    """

    def __init__(self, reader: Reader, session: Session) -> None:
        super().__init__(0.01)
        self._reader = reader
        self._effects = Effects(session)
        self.looked = 0
        self.findings: list[tuple[tuple[str, str], Finding]] = []
        self._due: deque[Said] = deque()

    def _look(self) -> None:
        came = [one for one in self._reader.poll(0.2) if one.topic == EVENTS and not one.is_tombstone]
        events = [one for one in came if b"/privacy/" not in (one.key or b"")]
        self._due += events[-NEWEST:]
        while self._due:
            self._look_for(self._due[0])
            self._due.popleft()

    def _look_for(self, one: Said) -> None:
        missing = self._effects.missing(one.record)
        self.looked += 1
        if missing:
            fields, told = one.record.fields, f"{one.name} can be read, and not yet its {missing}"
            whose = fields["tenant_id"], fields["learner_id"]
            self.findings.append((whose, Finding("event_before_row", told)))
