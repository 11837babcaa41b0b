"""How a worker is, from outside: its memory, its lag, and whether it calls itself ready."""

import http.client
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple, Self

from bench.measure import MeasurementError, usage
from bench.stress.finding import Finding
from chat.settings import Settings

EVERY = 1.0
"""Seconds from one look to the next."""

PATIENCE = 30.0


class Look(NamedTuple):
    """At a moment: memory in MiB, now and at most; commands without an outcome."""

    at: float
    resident: float
    peak: float
    lag: float
    ready: bool


class Vitals:
    """Looks at a worker every second, in a thread of its own. A worker that does not answer fails the run."""

    def __init__(self, settings: Settings, pid: int) -> None:
        self._settings = settings
        self._pid = pid
        self._looks: list[Look] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vitals", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self._looks.append(self.look())
            self._over.wait(EVERY)

    def look(self) -> Look:
        """Now. Raises `OSError` where nobody answers."""
        memory = usage(self._pid)
        ready, _ = self._get("/health/ready")
        _, metrics = self._get("/metrics")
        return Look(time.time(), memory.resident, memory.peak, sum(_lags(metrics)), ready == HTTPStatus.OK)

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._settings.metrics_port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def findings(self) -> Iterator[Finding]:
        """Of the time until now. Raises `MeasurementError` where nobody answered at its end."""
        if not self._thread.is_alive():
            raise MeasurementError("the worker's health and metrics did not answer")
        looks = list(self._looks)
        yield Finding("the worker's memory half-way, in MiB", looks[len(looks) // 2].resident)
        yield Finding("at the end", looks[-1].resident)
        yield Finding("at most", looks[-1].peak)
        yield Finding("largest lag that its metrics told, in commands", max(one.lag for one in looks))
        yield Finding("lag at the end", self.look().lag)
        yield Finding("seconds in which its health was asked", len(looks))
        yield Finding("in which it was not ready", sum(not one.ready for one in looks))


def _lags(metrics: str) -> Iterator[float]:
    for line in metrics.splitlines():
        if line.startswith("chat_lag_records{"):
            yield float(line.rpartition(" ")[2])
