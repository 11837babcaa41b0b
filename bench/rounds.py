"""The run: contenders in turn, each in a house of its own, round after round."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, Self

from bench import house
from bench.contender import BARE_LOOP, CONTENDERS, SERVICE, Contender, require_alive, running
from bench.load import Burst, send
from bench.measure import Seen, attend, cpu_seconds, ends, observe, peak_mib
from bench.workloads import HOT, SPREAD, Workload
from chat.servers.embedded import Addresses
from chat.servers.process import ServerProcess
from chat.settings import Settings


class Sizes(NamedTuple):
    """How much is run; `steady` is how long latency is measured, in seconds."""

    rounds: int
    commands: int
    steady: float


FULL = Sizes(rounds=3, commands=30_000, steady=8.0)
QUICK = Sizes(rounds=1, commands=15_000, steady=5.0)


class Figures(NamedTuple):
    """One contender's figures in one round; CPU in µs a command, latencies in ms at half of `rate`."""

    contender: str
    workload: str
    round: int
    rate: float
    cpu: float
    peak_mib: float
    p50: float | None = None
    p99: float | None = None


class Bench:
    """Plays contenders on running servers, with one process that posts and one that watches."""

    def __init__(self, addresses: Addresses, sizes: Sizes, logs: Path) -> None:
        self._addresses = addresses
        self._sizes = sizes
        self._logs = logs
        self._load, self._eye = (ProcessPoolExecutor(1, get_context("spawn")) for _ in range(2))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._load.shutdown()
        self._eye.shutdown()

    def run(self) -> Iterator[Figures]:
        """Every figure as it comes. The first play is not counted: the servers' compilers warm up in it."""
        list(self._play(BARE_LOOP, 0))
        for number in range(1, self._sizes.rounds + 1):
            for contender in CONTENDERS:
                yield from self._play(contender, number)

    def _play(self, contender: Contender, number: int) -> Iterator[Figures]:
        settings = house.build(self._addresses)
        with running(contender, settings, self._logs) as process:
            stage = _Stage(self, settings, contender, process, number)
            yield from stage.play()
        house.clear(settings)

    def measure(self, settings: Settings, process: ServerProcess, burst: Burst) -> Seen:
        """Posts a burst and watches its events arrive."""
        self._eye.submit(attend, settings, ends(settings)).result()
        watching = self._eye.submit(observe, burst.commands)
        posting = self._load.submit(send, settings, burst)
        seen = watching.result()
        posting.result()
        require_alive(process)
        return seen

    @property
    def sizes(self) -> Sizes:
        """How much is run."""
        return self._sizes


class _Stage:
    """One contender's turn in its house."""

    def __init__(
        self, bench: Bench, settings: Settings, contender: Contender, process: ServerProcess, number: int
    ) -> None:
        self._bench = bench
        self._settings = settings
        self._contender = contender
        self._process = process
        self._round = number

    def play(self) -> Iterator[Figures]:
        """Few threads, then many; each of them touched once before it is measured."""
        commands = self._bench.sizes.commands // self._contender.share
        self._burst(HOT, HOT.threads)
        yield self._warm(HOT, commands)
        # The first command of each thread is another figure: the service loads its state then.
        cold = self._burst(SPREAD, SPREAD.threads // self._contender.share)
        if self._contender is SERVICE:
            yield cold._replace(workload="spread, first touch")
        yield self._warm(SPREAD, commands)

    def _warm(self, workload: Workload, commands: int) -> Figures:
        figures = self._burst(workload, commands)
        if self._contender is not SERVICE:
            return figures
        rate = figures.rate / 2
        burst = Burst(workload, 0, int(rate * self._bench.sizes.steady), rate)
        steady = self._bench.measure(self._settings, self._process, burst)
        return figures._replace(p50=steady.p50, p99=steady.p99)

    def _burst(self, workload: Workload, commands: int) -> Figures:
        pid = self._process.pid
        before = cpu_seconds(pid)
        seen = self._bench.measure(self._settings, self._process, Burst(workload, 0, commands))
        used = (cpu_seconds(pid) - before) / commands * 1e6
        return Figures(self._contender.name, workload.name, self._round, seen.rate, used, peak_mib(pid))
