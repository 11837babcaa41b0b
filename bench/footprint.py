"""`python -m bench.footprint`: what a command costs: CPU of worker, Cassandra and Kafka, and bytes on their disks.

Bytes are what lies on the disk of one replica once Cassandra was stopped in order and has written out all that it held,
with its own compression; and the records in Kafka's segments, of each topic. Whatever the threads and learners weigh
themselves is among them: little in a workload of few.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.contenders import SERVICE
from bench.house import House
from bench.load import Burst
from bench.machine import machine
from bench.measure import usage
from bench.report import RESULTS
from bench.rounds import QUICK, Bench
from bench.servers import embedded
from bench.workload import Workload
from bench.workloads import WORKLOADS
from chat.servers.embedded import EmbeddedServers
from chat.topic_specs import Topic


class Cost(NamedTuple):
    """Of a command, in µs of CPU; `rate` a second, on cores that all of them and the load share."""

    rate: float
    worker: float
    cassandra: float
    kafka: float


def main() -> None:
    """Prints costs as they come, then bytes; writes all of it."""
    asked = _arguments()
    workload = next(one for one in WORKLOADS if one.name == asked.workload)
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as name:
        servers = embedded(Path(name) / "servers")
        with servers:
            costs = list(_costs(servers, Path(name), workload, asked))
        sizes = dict(_sizes(servers, workload.threads + asked.rounds * asked.commands))
    middle = Cost(*(median(one[at] for one in costs) for at in range(len(Cost._fields))))
    print(f"{workload.name}, medians: {_line(middle)}\nbytes a command on disk, in one replica:")
    for name, size in sizes.items():
        print(f"  {name}: {size:,.0f}")
    _write(asked, {"costs": [one._asdict() for one in costs], "medians": middle._asdict(), "bytes": sizes})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--workload", choices=[one.name for one in WORKLOADS], default="spread")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=RESULTS / f"footprint-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}")
    return parser.parse_args()


def _costs(servers: EmbeddedServers, folder: Path, workload: Workload, asked: argparse.Namespace) -> Iterator[Cost]:
    """Of each burst; the first touch of threads, in which compilers warm up too, comes before them."""
    with House(servers.addresses, workload.places()) as house, Bench(house, QUICK, folder / "logs") as bench:
        settings = house.enter(SERVICE.furnish)
        with bench.watched(SERVICE, settings) as worker:
            pids = [worker.pid, *(one.process.pid for one in servers.servers if one.process)]
            bench.measure(settings, SERVICE, worker, Burst(workload, workload.threads, touch=True))
            for number in range(asked.rounds):
                before = [usage(pid).cpu for pid in pids]
                rate = bench.measure(settings, SERVICE, worker, Burst(workload, asked.commands, number)).rate
                used = [usage(pid).cpu - had for pid, had in zip(pids, before, strict=True)]
                cost = Cost(rate, *(seconds / asked.commands * 1e6 for seconds in used))
                print(_line(cost), flush=True)
                yield cost


def _line(cost: Cost) -> str:
    return (
        f"{cost.rate:,.0f}/s; CPU µs a command: worker {cost.worker:.0f}, Cassandra {cost.cassandra:.0f}, "
        f"Kafka {cost.kafka:.0f}"
    )


def _sizes(servers: EmbeddedServers, commands: int) -> Iterator[tuple[str, float]]:
    """Bytes a command of each table and topic, and of all of them."""
    tables = Counter[str]()
    for file in servers.cassandra[0].data.glob("data/bench_*/*/*.db"):
        tables[f"Cassandra: {file.parent.name.partition('-')[0]}"] += file.stat().st_size
    topics = Counter[str]()
    if servers.kafka:
        for topic in Topic:
            for file in servers.kafka.data.glob(f"**/{topic}-[0-9]*/*.log"):
                topics[f"Kafka: {topic}"] += file.stat().st_size
    for name, counted in (("Cassandra", tables), ("Kafka", topics)):
        yield from ((one, size / commands) for one, size in counted.most_common() if size)
        yield f"{name}, all", counted.total() / commands


def _write(asked: argparse.Namespace, found: dict[str, object]) -> None:
    asked.folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine(), "workload": asked.workload, **found}
    (asked.folder / "footprint.json").write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
