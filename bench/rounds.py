"""The run: contenders in turn, each by itself, round after round. It knows none of them, and no workload."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, Self

from bench.contender import Contender, require_alive, running
from bench.house import House
from bench.load import Burst, send
from bench.measure import MeasurementError, Seen, arrivals, attend, ends, observe, usage
from bench.reader import Reader, Reading, reading
from bench.workload import Workload
from bench.workloads import PAGES
from bench.workloads.pages import PAGE
from chat.servers.process import ServerProcess, tail
from chat.settings import Settings


class Sizes(NamedTuple):
    """How much is run: `warm` is how long a steady load goes before anything is measured, `steady` and `idle` how long
    latency is, in seconds; `pages` are read.
    """

    rounds: int
    commands: int
    warm: float
    steady: float
    idle: float
    pages: int


FULL = Sizes(rounds=5, commands=30_000, warm=30.0, steady=10.0, idle=10.0, pages=5_000)
QUICK = Sizes(rounds=3, commands=5_000, warm=6.0, steady=1.5, idle=1.5, pages=1_000)

WARM_RATE = 1_000.0
"""Commands a second before anything is measured. What the servers do with many small requests is compiled by then: in
its first fifteen seconds a median was 914 ms that is 88 ms after a minute.
"""

IDLE_RATE = 20.0
"""Commands a second at which each is alone."""

READINGS = {"pages": PAGES.threads, "hot page": 1}
"""Of how many threads pages are asked for."""


class Cast(NamedTuple):
    """Who plays what."""

    contenders: Sequence[Contender]
    workloads: Sequence[Workload]
    readers: Sequence[Reader]


class Figures(NamedTuple):
    """What was measured in one round: `rate` a second, `cpu` in µs, `bytes` of memory that stayed, both for each
    command or page; `peak_mib`; and latencies in ms, `half_` at half of `rate`, `idle_` one at a time.
    """

    contender: str
    workload: str
    round: int
    values: dict[str, float]


class Bench:
    """Plays contenders on running servers, with one process that sends (`load`) and one that watches (`eye`)."""

    def __init__(self, house: House, sizes: Sizes, logs: Path) -> None:
        self._house = house
        self._sizes = sizes
        self._logs = logs
        self.load, self.eye = (ProcessPoolExecutor(1, get_context("spawn")) for _ in range(2))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.load.shutdown()
        self.eye.shutdown()

    def run(self, cast: Cast) -> Iterator[Figures]:
        """Every figure as it comes. First the last two play uncounted: the servers' compilers warm up."""
        for contender in cast.contenders[-2:]:
            list(self._play(contender, cast, 0))
        for number in range(1, self._sizes.rounds + 1):
            turn = number % len(cast.contenders)
            for contender in (*cast.contenders[turn:], *cast.contenders[:turn]):
                yield from self._play(contender, cast, number)

    def _play(self, contender: Contender, cast: Cast, number: int) -> Iterator[Figures]:
        settings = self._house.enter(contender.furnish)
        reader = next((one for one in cast.readers if number and one.of == contender), None)
        with self.watched(contender, settings) as process:
            turn = _Turn(self, settings, contender, process, number)
            for workload in cast.workloads:
                yield from turn.play(workload)
            if reader and number == 1:
                turn.burst(Burst(PAGES, PAGES.threads * PAGE))
            if reader and reader.module is None:
                yield from self._read(reader, settings, process, number)
        if reader and reader.module:
            with reader.running(settings, self._logs) as process:
                yield from self._read(reader, settings, process, number)

    def _read(self, reader: Reader, settings: Settings, process: ServerProcess, number: int) -> Iterator[Figures]:
        ask, pages = self.load.submit, self._sizes.pages
        ask(reading, reader, settings, Reading(pages // 5, number)).result()
        pid = ask(os.getpid).result() if reader.bare else process.pid
        for name, threads in READINGS.items():
            before = usage(pid)
            found = ask(reading, reader, settings, Reading(pages, number, threads)).result()
            after = usage(pid)
            values = {"cpu": (after.cpu - before.cpu) / pages * 1e6, **found._asdict()}
            yield Figures(reader.name, name, number, values | ({} if reader.bare else {"peak_mib": after.peak}))

    @contextmanager
    def watched(self, contender: Contender, settings: Settings) -> Iterator[ServerProcess]:
        """The contender's process, with somebody who attends to its events. Raises `ContenderError`."""
        with running(contender, settings, self._logs) as process:
            self.attend(settings)
            yield process

    def attend(self, settings: Settings) -> None:
        """Begins to look for what is said from now on."""
        self.eye.submit(attend, settings, ends(settings)).result()

    def measure(self, settings: Settings, contender: Contender, process: ServerProcess, burst: Burst) -> Seen:
        """Sends a burst to one who is `watched`, and sees its events arrive.

        Raises `MeasurementError` or `ContenderError`.
        """
        watching = self.eye.submit(observe, contender.events(burst), contender.rejections(burst))
        sending = self.load.submit(contender.door.send, settings, burst)
        try:
            sending.result()
            found = watching.result()
        except MeasurementError as error:
            raise MeasurementError("\n".join([str(error), *tail(process.log)])) from error
        require_alive(process)
        return found

    def send(self, settings: Settings, burst: Burst) -> Future[None]:
        """Sends a burst to a Kafka that may have nobody who takes it."""
        return self.load.submit(send, settings, burst)

    def watch(self, events: int) -> Future[list[tuple[float, float]]]:
        """When so many different events' commands were sent, and when they were there; in seconds since 1970."""
        return self.eye.submit(arrivals, events)

    @property
    def sizes(self) -> Sizes:
        """How much is run."""
        return self._sizes


class _Turn:
    """One contender's turn."""

    def __init__(
        self, bench: Bench, settings: Settings, contender: Contender, process: ServerProcess, number: int
    ) -> None:
        self._bench = bench
        self._settings = settings
        self._contender = contender
        self._process = process
        self._round = number

    def play(self, workload: Workload) -> Iterator[Figures]:
        """First each thread is touched once, for then the service loads its state; that may be a figure too."""
        share, sizes = self._contender.share, self._bench.sizes
        cold = self._figures(Burst(workload, -(-workload.width // share), self._round, touch=True))
        if workload.cold:
            yield cold._replace(workload=f"{workload.name}, first touch")
        warm = self._figures(Burst(workload, sizes.commands // share, self._round))
        if self._contender.latency and workload.latency:
            warm.values.update(self._latency(workload, warm.values["rate"]))
        yield warm

    def _latency(self, workload: Workload, rate: float) -> dict[str, float]:
        """In the round that is not counted the servers are warmed instead, and nothing is measured."""
        sizes = self._bench.sizes
        if self._round == 0:
            self._burst_at(workload, WARM_RATE, sizes.warm)
            return {}
        half = self._burst_at(workload, rate / 2, sizes.steady)
        idle = self._burst_at(workload, IDLE_RATE, sizes.idle)
        return _named("half", half) | _named("idle", idle)

    def _burst_at(self, workload: Workload, rate: float, seconds: float) -> Seen:
        return self.burst(Burst(workload, max(10, int(rate * seconds)), self._round, rate))

    def _figures(self, burst: Burst) -> Figures:
        pid = self._process.pid
        before = usage(pid)
        rate = self.burst(burst).rate
        after = usage(pid)
        values = {
            "rate": rate,
            "cpu": (after.cpu - before.cpu) / burst.commands * 1e6,
            "bytes": (after.resident - before.resident) / burst.commands * 2**20,
            "peak_mib": after.peak,
        }
        return Figures(self._contender.name, burst.workload.name, self._round, values)

    def burst(self, burst: Burst) -> Seen:
        """Sends and watches. Raises `MeasurementError` or `ContenderError`."""
        return self._bench.measure(self._settings, self._contender, self._process, burst)


def _named(when: str, found: Seen) -> dict[str, float]:
    return {f"{when}_p50": found.p50, f"{when}_p99": found.p99, f"{when}_p999": found.p999}
