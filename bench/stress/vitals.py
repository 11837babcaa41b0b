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
    """At a moment: seconds that the answers took; memory in MiB, now and at most; commands without an outcome, where
    the metrics tell.
    """

    took: float
    resident: float
    peak: float
    lag: float | None
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
        memory, began = usage(self._pid), time.monotonic()
        ready, _ = self._get("/health/ready")
        _, metrics = self._get("/metrics")
        lag, took = _lag(metrics), time.monotonic() - began
        return Look(took, memory.resident, memory.peak, lag, ready == HTTPStatus.OK)

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
        looks, last = list(self._looks), self.look()
        lags = [one.lag for one in looks if one.lag is not None]
        if not lags or last.lag is None:
            raise MeasurementError("the worker's metrics tell no lag")
        yield Finding("the worker's memory half-way, in MiB", looks[len(looks) // 2].resident)
        yield Finding("at the end", looks[-1].resident)
        yield Finding("at most", looks[-1].peak)
        yield Finding("largest lag that its metrics told, in commands", max(lags))
        yield Finding("lag at the end", last.lag)
        yield Finding("times that its health and metrics were asked, a second after each answer", len(looks))
        yield Finding("of which it was not ready", sum(not one.ready for one in looks))
        yield Finding("of which its metrics told no lag", len(looks) - len(lags))
        yield Finding("longest time of both answers, in ms", 1000 * max(one.took for one in looks))


def _lag(metrics: str) -> float | None:
    """None where it is told of no partition, as by a worker that is in no group."""
    lags = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith("chat_lag_records{")]
    return sum(map(float, lags)) if lags else None
