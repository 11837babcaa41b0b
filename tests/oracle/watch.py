"""Looks on while workers run: what is wrong for a moment only would be gone at the end."""

import threading
import uuid
from contextlib import suppress
from typing import Any, NamedTuple

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session
from confluent_kafka import KafkaException

from tests.oracle.findings import Finding
from tests.oracle.topics import EVENTS, Group, Place, Reader, Said

AWAY = (KafkaException, DriverException, NoHostAvailable)
NEWEST = 4
"""Events of a batch whose rows are looked for: the last ones, which were written last."""

_MESSAGE = """SELECT message_id FROM messages WHERE tenant_id = ? AND learner_id = ? AND generation = 1
    AND thread_id = ? AND bucket = ? AND seq = ?"""
_LOG = """SELECT last_seq FROM thread_log WHERE tenant_id = ? AND learner_id = ? AND generation = 1
    AND thread_id = ? LIMIT 1"""
_LISTED = """SELECT last_seq FROM threads WHERE tenant_id = ? AND learner_id = ? AND generation = 1
    AND thread_id = ?"""


class Sample(NamedTuple):
    """The committed offsets of a moment, and where the outcome topics ended right after it."""

    committed: dict[int, int]
    ends: dict[Place, int]


class _Watch:
    """Something that is done over and over in a thread of its own; a server that is away is none of its business."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

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
    """Looks for the rows of an event as soon as it can be read."""

    def __init__(self, reader: Reader, session: Session) -> None:
        super().__init__(0.01)
        self._reader = reader
        self._session = session
        self._message, self._log, self._listed = map(session.prepare, (_MESSAGE, _LOG, _LISTED))
        self.looked = 0
        self.findings: list[Finding] = []

    def _look(self) -> None:
        events = [one for one in self._reader.poll(0.2) if one.topic == EVENTS]
        for one in events[-NEWEST:]:
            missing = self._missing(one)
            self.looked += 1
            if missing:
                place = f"{one.topic}[{one.partition}]@{one.offset}"
                self.findings.append(Finding("event_before_row", f"{place} can be read, and not yet its {missing}"))

    def _missing(self, said: Said) -> str:
        """The tables that do not show an event's effect."""
        event = said.record.fields
        thread = (event["tenant_id"], event["learner_id"], uuid.UUID(event["data"]["thread_id"]))
        seq = event["data"].get("seq", 0)
        log = self._session.execute_async(self._log, thread, timeout=2)
        listed = self._session.execute_async(self._listed, thread, timeout=2)
        message = self._session.execute_async(self._message, (*thread, max(seq - 1, 0) // 500, seq), timeout=2)
        shown = {"thread_log": _last_seq(log) >= seq, "threads": _last_seq(listed) >= seq}
        shown["messages"] = seq == 0 or message.result().one() is not None
        return ", ".join(table for table, good in shown.items() if not good)


def _last_seq(answer: Any) -> int:
    """That of the one row, -1 where there is none."""
    row = answer.result().one()
    return -1 if row is None else row["last_seq"] or 0
