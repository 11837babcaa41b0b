"""`python -m bench.watching`: what metrics, logs and traces cost a command, side by side on the same servers.

Guises of the service: `silent` has none of them; `default` is what runs without a setting; with `trips` traces are on
and no producer asks for one; with `commands` every command brings a `traceparent`. CPU is the worker's own.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

from bench.contender import Contender
from bench.contenders import SERVICE
from bench.house import House
from bench.load import Burst
from bench.measure import usage
from bench.rounds import QUICK, Bench
from bench.servers import servers
from bench.workloads import HOT, SPREAD
from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
WORKLOADS = (HOT, SPREAD)


class Guise(NamedTuple):
    """The service, and whether it and its producers trace."""

    name: str
    contender: Contender
    traces: bool = False
    asked: bool = False


GUISES = (
    Guise("silent", SERVICE._replace(name="silent", module="bench.silent")),
    Guise("default", SERVICE),
    Guise("trips", SERVICE, traces=True),
    Guise("commands", SERVICE, traces=True, asked=True),
)


class Cost(NamedTuple):
    """CPU in µs a command; `rate` in commands a second."""

    guise: str
    workload: str
    cpu: float
    rate: float


def main() -> None:
    """Plays every guise, round after round, and prints the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.watching", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--guises", nargs="*", default=[one.name for one in GUISES])
    chosen = parser.parse_args()
    guises = [one for one in GUISES if one.name in chosen.guises]
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder, servers(Path(folder) / "servers") as addresses:
        costs = list(_rounds(addresses, Path(folder), guises, chosen.rounds, chosen.commands))
    print()
    for workload in WORKLOADS:
        for guise in guises:
            same = [one for one in costs if (one.guise, one.workload) == (guise.name, workload.name)]
            cpus = [one.cpu for one in same]
            rate = median(one.rate for one in same)
            spread = f"({min(cpus):.1f}-{max(cpus):.1f})"
            print(f"{workload.name:7} {guise.name:9} {median(cpus):6.1f} µs {spread} {rate:7,.0f}/s")


def _rounds(addresses: Addresses, folder: Path, guises: list[Guise], rounds: int, commands: int) -> Iterator[Cost]:
    """Every figure as it comes. Each round begins with another guise, so that none is always first."""
    places = [place for workload in WORKLOADS for place in workload.places()]
    with House(addresses, places) as house, Bench(house, QUICK, folder / "logs") as bench, _collector() as endpoint:
        for number in range(rounds):
            turn = number % len(guises)
            for guise in guises[turn:] + guises[:turn]:
                with patch.dict(os.environ, {ENDPOINT: endpoint if guise.traces else ""}):
                    for one in _play(bench, house, guise, commands):
                        print(f"{one.workload} {one.guise}: {one.cpu:.1f} µs, {one.rate:,.0f}/s", flush=True)
                        yield one


def _play(bench: Bench, house: House, guise: Guise, commands: int) -> Iterator[Cost]:
    contender = guise.contender
    settings = house.enter(contender.furnish)
    with bench.watched(contender, settings) as process:
        for workload in WORKLOADS:
            touch, burst = (Burst(workload, one, traced=guise.asked) for one in (workload.threads, commands))
            bench.measure(settings, contender, process, touch)
            before = usage(process.pid)
            seen = bench.measure(settings, contender, process, burst)
            used = (usage(process.pid).cpu - before.cpu) / commands * 1e6
            yield Cost(guise.name, workload.name, used, seen.rate)


@contextmanager
def _collector() -> Iterator[str]:
    """The address of a process that takes spans and forgets them."""
    port = free_port()
    process = get_context("spawn").Process(target=_collect, args=(port,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


class _Forgets(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _collect(port: int) -> None:
    HTTPServer(("127.0.0.1", port), _Forgets).serve_forever()


if __name__ == "__main__":
    main()
