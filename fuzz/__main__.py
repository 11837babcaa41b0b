"""`make fuzz`: each target for some seconds, from its seeds and from what earlier runs found worth keeping.

Prints what was tried and reached. Ends with 1 where a target came upon something wrong, or never came past the door.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from fuzz.run import Run
from fuzz.targets import TARGETS

ENOUGH = 0.05
"""Of the executions must pass the first parser, else the rest behind it was hardly tried."""


def main() -> int:
    """The exit status."""
    given = _arguments().parse_args()
    runs = [Run(name, given.folder / name, given.seconds).go() for name in given.targets]
    print(f"{'target':<12}{'executions':>12}{'a second':>10}{'parsed':>8}{'accepted':>10}{'edges':>7}{'covered':>9}")
    for one in runs:
        print(
            f"{one.name:<12}{one.executions:>12,}{one.rate:>10,.0f}{one.parsed:>8.1%}{one.accepted:>10.1%}"
            f"{one.edges:>7}{one.covered:>8.1f}%"
        )
    complaints = [complaint for run in runs for complaint in _complaints(run)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def _complaints(run: Run) -> list[str]:
    found = [f"{run.name}: ended with {run.status}, see {run.log} and {run.finds}"] if run.status else []
    shallow = [f"{run.name}: only {run.parsed:.1%} passed the first parser"] if run.parsed < ENOUGH else []
    return found + shallow


def _arguments() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[*TARGETS], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--folder", type=Path, default=Path(".cache/fuzz"), help="where inputs are kept between runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
