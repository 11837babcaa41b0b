"""`python -m bench.workers`: do the rates of several workers add up, where the cores are not the limit?

On a machine of few cores they can only where each worker waits most of the time: Cassandra is 10 ms away, either way
(`bench.far`, a process of its own), and a worker has only so much under way (`bench.narrow`). What each process took
of a core, what the machine had left, and how long the way really was, stand beside the rates.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.contenders import SERVICE
from bench.far import far, round_trip
from bench.group import group
from bench.house import House
from bench.load import Burst
from bench.machine import machine
from bench.measure import idle, usage
from bench.narrow import RECORDS
from bench.report import RESULTS
from bench.rounds import QUICK, Bench
from bench.servers import embedded
from bench.workloads.balanced import BALANCED, TOUCHES
from chat.servers.embedded import Addresses
from chat.servers.free_port import LOCALHOST
from chat.servers.process import ServerProcess

mpl.use("agg")

MEMBERS = (1, 2, 4)
NARROW = "bench.narrow"
LOOK = 0.25
"""Seconds from one look at the machine to the next."""


class Play(NamedTuple):
    """Commands a second of so many workers; parts of a core that each process took; the way there and back, in ms."""

    round: int
    members: int
    rate: float
    workers: list[float]
    cassandra: float
    kafka: float
    proxy: float
    machine: float
    round_trip: float


class Look(NamedTuple):
    """What was seen at a moment, in seconds: how long the cores have idled; and the way there and back, in ms."""

    at: float
    idle: float
    round_trip: float


class Scene(NamedTuple):
    """Who plays, and where."""

    bench: Bench
    house: House
    others: dict[str, ServerProcess]
    port: int
    logs: Path


def main() -> None:
    """Prints each play as it comes, then the medians; writes and draws all of them."""
    asked = _arguments()
    plays: list[Play] = []
    with _scene(asked.seconds_away) as scene:
        for number in range(asked.rounds + 1):
            turn = number % len(MEMBERS)
            for members in MEMBERS[turn:] + MEMBERS[:turn]:
                if number == 0 and members != max(MEMBERS):
                    continue  # the servers' compilers warm up in a play that is not counted
                play = _play(scene, number, members, asked.commands)
                if number:
                    plays.append(play)
                    print(_line(play), flush=True)
                    _write(plays, asked)
    _conclude(plays, asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commands", type=int, default=1_600, help="for each worker of a play")
    parser.add_argument("--seconds-away", type=float, default=0.010, help="how far Cassandra is, either way")
    parser.add_argument("--folder", type=Path, default=RESULTS / f"workers-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}")
    return parser.parse_args()


@contextmanager
def _scene(seconds: float) -> Iterator[Scene]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-bench-")))
        logs = folder / "logs"
        servers = stack.enter_context(embedded(folder / "servers"))
        here = servers.addresses
        proxy, port = stack.enter_context(far(here.cassandra_port, seconds, logs))
        there = Addresses(here.kafka, (LOCALHOST,), port)
        house = stack.enter_context(House(there, BALANCED.places()))
        others = {one.name: one.process for one in servers.servers if one.process} | {"proxy": proxy}
        bench = stack.enter_context(Bench(house, QUICK, logs))
        yield Scene(bench, house, others, port, logs)


def _play(scene: Scene, number: int, members: int, commands: int) -> Play:
    settings = scene.house.enter(SERVICE.furnish)
    burst = Burst(BALANCED, members * commands, number)
    with group(NARROW, members, settings, scene.logs) as workers:
        scene.bench.attend(settings)
        scene.bench.measure(settings, SERVICE, workers[0], Burst(BALANCED, TOUCHES))
        everybody = [*workers, *scene.others.values()]
        before = [usage(one.pid).cpu for one in everybody]
        with _looking(scene.port) as looks:
            rate = scene.bench.measure(settings, SERVICE, workers[-1], burst).rate
        seconds = burst.commands / rate
        parts = [(usage(one.pid).cpu - had) / seconds for one, had in zip(everybody, before, strict=True)]
    seen = [one for one in looks if one.at >= looks[-1].at - seconds]
    busy = (os.cpu_count() or 1) - (seen[-1].idle - seen[0].idle) / (seen[-1].at - seen[0].at)
    others = dict(zip(scene.others, parts[members:], strict=True))
    return Play(
        number,
        members,
        rate,
        parts[:members],
        **others,
        machine=busy,
        round_trip=median(one.round_trip for one in seen),
    )


@contextmanager
def _looking(port: int) -> Iterator[list[Look]]:
    """Looks at the machine and at the way to Cassandra, from before what is done inside until after it."""
    looks: list[Look] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            looks.append(Look(time.monotonic(), idle(), round_trip(port)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def _line(play: Play) -> str:
    cores = " ".join(f"{one:.2f}" for one in play.workers)
    return (
        f"round {play.round}: {play.members} workers: {play.rate:,.0f}/s; cores: workers {cores}, "
        f"Cassandra {play.cassandra:.2f}, Kafka {play.kafka:.2f}, proxy {play.proxy:.2f}, "
        f"the whole machine {play.machine:.2f}; there and back {play.round_trip:.1f} ms"
    )


def medians(plays: Sequence[Play]) -> dict[int, float]:
    """By number of workers the median of the rates."""
    return {
        size: median(one.rate for one in plays if one.members == size) for size in sorted({p.members for p in plays})
    }


def _write(plays: Sequence[Play], asked: argparse.Namespace) -> None:
    asked.folder.mkdir(parents=True, exist_ok=True)
    everything: dict[str, Any] = {
        "machine": machine(),
        "seconds_away": asked.seconds_away,
        "records_of_a_trip": RECORDS,
        "medians": medians(plays),
        "plays": [one._asdict() for one in plays],
    }
    (asked.folder / "workers.json").write_text(json.dumps(everything, indent=1) + "\n")


def _conclude(plays: Sequence[Play], asked: argparse.Namespace) -> None:
    rates = medians(plays)
    one = rates[min(rates)]
    print()
    for members, rate in rates.items():
        same = [play for play in plays if play.members == members]
        most = max(share for play in same for share in play.workers)
        print(f"{members} workers: {rate:,.0f}/s, {rate / one:.2f} of one; a worker took {most:.2f} cores at most")
    print(f"drawn: {_draw(plays, asked.folder)}")


def _draw(plays: Sequence[Play], folder: Path) -> Path:
    """The rates, beside those of as many times one worker."""
    rates = medians(plays)
    figure, axes = plt.subplots(figsize=(7, 4.5))
    one = rates[min(rates)]
    axes.plot(
        list(rates), [one * size for size in rates], linestyle="--", color="grey", label="one worker's, times as many"
    )
    axes.plot([play.members for play in plays], [play.rate for play in plays], "x", label="each play")
    axes.plot(list(rates), list(rates.values()), marker="o", label="median")
    axes.set(xlabel="workers", ylabel="commands a second", xticks=list(rates), ylim=(0, None))
    axes.legend(fontsize=8)
    figure.tight_layout()
    file = folder / "workers.png"
    figure.savefig(file, dpi=110)
    return file


if __name__ == "__main__":
    main()
