"""`python -m bench.growth`: what changes as things grow: threads, rows, a thread's depth, a learner's threads, commands
done, lag at the start, partitions.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.growth.curve import Budget, Point, write
from bench.growth.pages import depth, listing
from bench.growth.picture import draw
from bench.growth.starting import by_lag, by_partitions
from bench.growth.steady import steady
from bench.growth.stored import stored
from bench.growth.threads import threads
from bench.report import RESULTS
from bench.stage import Stage, stage

Points = Callable[[Budget], Iterator[Point]]


class Part(NamedTuple):
    """Some curves, against what was `asked` for; `share` of the minutes, where every part is done."""

    name: str
    share: float
    asked: str
    default: list[int]
    help: str


PARTS = (
    Part("steady", 0.10, "commands", [400_000], "commands of the same threads"),
    Part("depth", 0.17, "depth", [1_000_000], "messages of the long thread"),
    Part("listing", 0.06, "listed", [100, 1_000, 4_000, 10_000], "threads of a learner"),
    Part("threads", 0.22, "threads", [100, 1_000, 10_000, 100_000, 1_000_000], "threads"),
    Part("stored", 0.20, "rows", [0, 100_000, 1_000_000, 3_000_000, 10_000_000], "rows stored"),
    Part("lag", 0.09, "lags", [0, 1_000, 10_000, 50_000], "commands that wait at the start"),
    Part("partitions", 0.16, "partitions", [8, 32, 128], "partitions of a topic"),
)


def main() -> None:
    """Prints each point as it comes, writes all of them with it, and draws them."""
    asked = _arguments()
    points: list[Point] = []
    whole = sum(part.share for part in PARTS if part.name in asked.parts)
    try:
        for part, of_part in _parts(asked):
            if part.name in asked.parts:
                for one in of_part(Budget(asked.minutes * 60 * part.share / whole)):
                    print(f"{one.curve}: at {one.x:,.0f} {one.over}: {one.y:,.1f}", flush=True)
                    points.append(one)
                    write(points, asked.folder)
    finally:  # one that is ended early, or a part that fails, takes nothing from the others
        if points:
            print(f"drawn: {draw(points, asked.folder)}")


def _parts(asked: argparse.Namespace) -> Iterator[tuple[Part, Points]]:
    """How each part is done. Each has servers of its own: what one has left there is nobody else's burden."""
    on = _on_stage  # a part that keeps to one worker
    done: tuple[Points, ...] = (
        lambda budget: on(lambda where: steady(where, budget, max(asked.commands))),
        lambda budget: on(lambda where: depth(where, budget, max(asked.depth))),
        lambda budget: on(lambda where: listing(where, budget, asked.listed)),
        lambda budget: on(lambda where: threads(where, budget, asked.threads)),
        lambda budget: on(lambda where: stored(where, budget, asked.rows)),
        lambda budget: by_lag(budget, asked.lags),
        lambda budget: by_partitions(budget, asked.partitions),
    )
    return zip(PARTS, done, strict=True)


def _on_stage(points: Callable[[Stage], Iterator[Point]]) -> Iterator[Point]:
    with stage() as where:
        yield from points(where)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    names = [one.name for one in PARTS]
    parser.add_argument("--parts", nargs="*", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--minutes", type=float, default=60, help="of all parts; sizes that take longer are left out")
    for one in PARTS:
        parser.add_argument(f"--{one.asked}", type=int, nargs="*", default=one.default, metavar="N", help=one.help)
    parser.add_argument("--folder", type=Path, default=RESULTS / f"growth-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
