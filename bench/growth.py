"""`python -m bench.growth`: what changes as things grow: threads, the depth of a page in its thread, commands done."""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot as plt

from bench.http_client import ask, request
from bench.load import Burst, bearer
from bench.machine import machine
from bench.measure import MeasurementError, Seen, seen, usage
from bench.readers import SERVICE_API
from bench.report import RESULTS
from bench.stage import Stage, stage
from bench.workload import Caller, Workload
from bench.workloads.pages import PAGE
from chat.settings import Settings

EACH = 20
"""Threads of a learner."""

BURST = 20_000
ASKED = 200
"""Pages asked for at each depth, one after the other."""

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
DEEP = Workload("deep", 15, threads=1)
STEADY = Workload("steady", 14, threads=5_000)


class Point(NamedTuple):
    """A figure of a curve: at `x`, `y`."""

    curve: str
    x: float
    y: float


CURVES = {
    "commands/s, warm": "threads",
    "commands/s, first touch": "threads",
    "worker's memory in MiB": "threads held",
    "page p50 in ms": "seq in the thread",
    "page p99 in ms": "seq in the thread",
    "worker's memory in MiB, same threads": "commands done",
    "commands/s, same threads": "commands done",
}
"""What each curve is over."""


def main() -> None:
    """Prints each point as it comes, then writes and draws all of them."""
    asked = _arguments()
    sizes = [Workload(f"growth {threads}", 16 + at, threads, each=EACH) for at, threads in enumerate(asked.threads)]
    points: list[Point] = []
    with stage([*sizes, DEEP, STEADY]) as on:
        for one in chain(_steady(on, asked.commands), _deep(on, asked.depth), _threads(on, sizes)):
            print(f"{one.curve}: at {one.x:,.0f} {CURVES[one.curve]}: {one.y:,.1f}", flush=True)
            points.append(one)
            _write(points, asked.folder)
    print(f"drawn: {_draw(points, asked.folder)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--threads", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--depth", type=int, default=100_000, help="messages of the long thread")
    parser.add_argument("--commands", type=int, default=400_000, help="after which the worker's memory is looked at")
    parser.add_argument("--folder", type=Path, default=RESULTS / f"growth-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}")
    return parser.parse_args()


def _steady(on: Stage, commands: int) -> Iterator[Point]:
    """The same threads, on and on."""
    on.send(Burst(STEADY, STEADY.threads, touch=True))
    for done in range(BURST, commands + 1, BURST):
        rate = on.send(Burst(STEADY, BURST, play=done)).rate
        yield Point("commands/s, same threads", done, rate)
        yield Point("worker's memory in MiB, same threads", done, usage(on.worker.pid).resident)


def _deep(on: Stage, depth: int) -> Iterator[Point]:
    """Pages of one long thread. Raises `MeasurementError`."""
    for done in range(0, depth, BURST):
        on.send(Burst(DEEP, min(BURST, depth - done)))
    with SERVICE_API.running(on.settings, on.logs):
        _pages(on.settings, depth)  # its first ones are slower
        for share in DEPTHS:
            before = max(PAGE, round(depth * share)) + 1
            found = _pages(on.settings, before)
            yield Point("page p50 in ms", before - 1, found.p50)
            yield Point("page p99 in ms", before - 1, found.p99)


def _pages(settings: Settings, before: int) -> Seen:
    tenant_id, learner_id, thread_id = DEEP.place(0)
    learner = Caller(tenant_id, f"learner-of-{learner_id}", "learner", learner_id)
    path = f"/api/v1/threads/{thread_id}/messages?limit={PAGE}&before_seq={before}"
    answers = ask(settings.api_port, [request("GET", path, bearer(settings, learner), 0)] * ASKED, 1)
    if any(len(json.loads(one.body).get("items", ())) != PAGE for one in answers):
        raise MeasurementError(f"no whole page before {before}: {answers[0]}")
    return seen([(one.sent, one.arrived) for one in answers])


def _threads(on: Stage, sizes: Sequence[Workload]) -> Iterator[Point]:
    """More threads each time, all of them touched before the second figure."""
    held = 0
    for one in sizes:
        held += one.threads
        yield Point("commands/s, first touch", one.threads, on.send(Burst(one, one.threads, touch=True)).rate)
        yield Point("commands/s, warm", one.threads, on.send(Burst(one, BURST)).rate)
        yield Point("worker's memory in MiB", held, usage(on.worker.pid).resident)


def _write(points: Sequence[Point], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "points": [one._asdict() for one in points]}
    (folder / "growth.json").write_text(json.dumps(everything, indent=1) + "\n")


def _draw(points: Sequence[Point], folder: Path) -> Path:
    """One picture of curves, those that share an axis together."""
    axes_of = dict.fromkeys(CURVES.values())
    figure, all_axes = plt.subplots(2, 2, figsize=(12, 8))
    for axes, over in zip(all_axes.flat, axes_of, strict=True):
        for curve in (name for name, x in CURVES.items() if x == over):
            mine = [one for one in points if one.curve == curve]
            axes.plot([one.x for one in mine], [one.y for one in mine], marker="o", label=curve)
        axes.set(xlabel=over, ylim=(0, None), xscale="log" if over.startswith("threads") else "linear")
        axes.legend(fontsize=8)
    figure.tight_layout()
    file = folder / "growth.png"
    figure.savefig(file, dpi=110)
    return file


if __name__ == "__main__":
    main()
