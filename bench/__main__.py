"""`python -m bench`: how fast the service is, beside a plain Faust agent and a bare loop."""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import report
from bench.rounds import FULL, QUICK, Bench, Figures, Sizes
from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers


def main() -> None:
    """Runs it all, and prints a table."""
    arguments = _arguments()
    sizes = _sizes(arguments)
    load, began = os.getloadavg()[0], time.monotonic()
    report.yardstick()  # while nothing else runs
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        figures = list(_told(Path(folder), sizes))
    found = report.medians(figures)
    said = list(report.remarks(found, load))
    print(f"\n{report.table(found)}\n")
    for remark in said:
        print(f"beware: {remark}")
    file = report.write(arguments.json, sizes, figures, found, said)
    print(f"{report.machine()}; {time.monotonic() - began:.0f} s; all figures are in {file}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="how often each contender plays; the medians count")
    parser.add_argument("--commands", type=int, help="commands that the service is measured with")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all figures go")
    return parser.parse_args()


def _sizes(arguments: argparse.Namespace) -> Sizes:
    chosen = {name: value for name in ("rounds", "commands") if (value := getattr(arguments, name)) is not None}
    return (QUICK if arguments.quick else FULL)._replace(**chosen)


def _told(folder: Path, sizes: Sizes) -> Iterator[Figures]:
    """The figures, each printed as it comes."""
    with _servers(folder / "servers") as addresses, Bench(addresses, sizes, folder / "logs") as bench:
        for one in bench.run():
            latency = f", p50 {one.p50:.1f} ms, p99 {one.p99:.1f} ms at half of that" if one.p50 and one.p99 else ""
            print(f"round {one.round}: {one.contender}, {one.workload}: {one.rate:,.0f}/s{latency}", flush=True)
            yield one


@contextmanager
def _servers(folder: Path) -> Iterator[Addresses]:
    config = EmbeddedConfig(folder, kafka_port=0, cassandra_port=0, cassandra_heap_mb=512, c2=True)
    with EmbeddedServers(config) as servers:
        yield servers.addresses


if __name__ == "__main__":
    main()
