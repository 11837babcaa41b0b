"""`python -m bench`: how fast the service is, beside what one would write first and what the libraries can do."""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.contenders import CONTENDERS
from bench.house import House
from bench.machine import anchor, machine, remarks, yardstick
from bench.plots import draw
from bench.readers import READERS
from bench.report import Journal, line, medians, table
from bench.rounds import FULL, QUICK, Bench, Cast, Figures, Sizes
from bench.servers import servers
from bench.workloads import PAGES, WORKLOADS


def main() -> None:
    """Runs it all; prints each figure as it comes, then a table."""
    arguments = _arguments()
    sizes = _sizes(arguments)
    load, began = os.getloadavg()[0], time.monotonic()
    yardstick()  # while nothing else runs
    journal = Journal(arguments.json, sizes)
    for one in _figures(sizes, _cast(arguments)):
        journal.add(one)
        print(line(one), flush=True)
    found = medians(journal.figures)
    said = list(remarks(found, load))
    journal.write(said)
    print(f"\n{table(found)}\n")
    for remark in said:
        print(f"beware: {remark}")
    if arguments.anchor:
        print(f"anchored: {anchor(found)}")
    for file in draw(found, journal.file.parent):
        print(f"drawn: {file}")
    print(f"{machine()}; {time.monotonic() - began:.0f} s; all figures are in {journal.file}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--rounds", type=int, help="how often each contender plays; the medians count")
    parser.add_argument("--commands", type=int, help="commands that the service is measured with")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all figures go")
    parser.add_argument("--anchor", action="store_true", help="keep the bare loop's medians as this machine's anchors")
    for what, every in (("contenders", CONTENDERS), ("workloads", WORKLOADS)):
        names = [one.name for one in every]
        parser.add_argument(f"--{what}", nargs="*", choices=names, default=names, metavar="NAME", help=", ".join(names))
    return parser.parse_args()


def _sizes(arguments: argparse.Namespace) -> Sizes:
    chosen = {name: value for name in ("rounds", "commands") if (value := getattr(arguments, name)) is not None}
    return (QUICK if arguments.quick else FULL)._replace(**chosen)


def _cast(arguments: argparse.Namespace) -> Cast:
    contenders = [one for one in CONTENDERS if one.name in arguments.contenders]
    workloads = [one for one in WORKLOADS if one.name in arguments.workloads]
    return Cast(contenders, workloads, [one for one in READERS if one.of in contenders])


def _figures(sizes: Sizes, cast: Cast) -> Iterator[Figures]:
    places = [place for workload in (*cast.workloads, PAGES) for place in workload.places()]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-bench-")))
        addresses = stack.enter_context(servers(folder / "servers"))
        house = stack.enter_context(House(addresses, places))
        yield from stack.enter_context(Bench(house, sizes, folder / "logs")).run(cast)


if __name__ == "__main__":
    main()
