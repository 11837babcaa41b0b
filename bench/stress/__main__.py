"""`python -m bench.stress`: a worker with a backlog, with three times what it can do, with one learner who has half of
all commands, with commands at the size limit, with a million learners.

Of every command the event is waited for, and a thread's events have to come in order; a run that finds otherwise fails.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import machine
from bench.report import RESULTS
from bench.stress.backlog import backlog
from bench.stress.finding import Finding
from bench.stress.large import large
from bench.stress.learners import learners
from bench.stress.neighbour import neighbour
from bench.stress.overload import overload

PARTS = ("backlog", "overload", "neighbour", "large", "learners")


def main() -> None:
    """Prints each figure as it comes, and writes all of them with it."""
    asked = _arguments()
    found: dict[str, list[Finding]] = {}
    for part in asked.parts:
        for one in _part(part, asked):
            print(f"{part}: {one.what}: {one.value:,.0f}", flush=True)
            found.setdefault(part, []).append(one)
            _write(found, asked.folder)


def _part(name: str, asked: argparse.Namespace) -> Iterator[Finding]:
    """Each has servers of its own."""
    match name:
        case "backlog":
            return backlog(asked.backlog)
        case "overload":
            return overload(asked.times, asked.seconds)
        case "neighbour":
            return neighbour(asked.share, asked.beside)
        case "large":
            return large(asked.large)
        case _:
            return learners(asked.learners)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.stress", description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--backlog", type=int, default=1_000_000, help="commands that wait for a worker")
    parser.add_argument("--times", type=float, default=3.0, help="how many times of what a worker can do is sent")
    parser.add_argument("--seconds", type=int, default=600, help="for how long")
    parser.add_argument("--share", type=float, default=0.5, help="of what a worker can do, half of it one learner's")
    parser.add_argument("--beside", type=int, default=60, help="for how many seconds")
    parser.add_argument("--large", type=int, default=20_000, help="commands at the size limit")
    parser.add_argument("--learners", type=int, default=1_000_000, help="learners, each with one thread")
    parser.add_argument("--folder", type=Path, default=RESULTS / f"stress-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}")
    return parser.parse_args()


def _write(found: dict[str, list[Finding]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "found": {part: [one._asdict() for one in of] for part, of in found.items()}}
    (folder / "stress.json").write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
