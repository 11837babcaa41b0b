"""`python -m bench.scaling FIGURES FOOTPRINT`: from what a command costs to what so many a second need, as a table.

FIGURES is what `python -m bench` wrote, FOOTPRINT what `python -m bench.footprint` did. `docs/scaling.md` has the
table, and where each assumption is from.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, Self

RATES = (5_000, 50_000, 1_000_000)
REPLICAS = 3
DAY = 86_400
RETENTION_DAYS = 365

BUSY = 0.6
"""The part of its cores that anything is planned to use."""

NODE_CORES = 16
NODE_BYTES = 4e12
BROKER_BYTES = 100e6
"""A second, produced to a broker, each byte with three replicas."""

PARTITIONS_OF_WORKER = 4
WORKER_BYTES = 310 * 2**20
FOR_EVER = ("commands", "thread_log")
"""Tables of which a message's rows never expire."""


class Costs(NamedTuple):
    """Of a command: µs of CPU, the worker's in a thread that it knows and in one that it must load; bytes on a disk."""

    worker: float
    first_touch: float
    cassandra: float
    kafka: float
    stored: float
    for_ever: float
    command: float
    event: float

    @classmethod
    def read(cls, figures: dict[str, Any], footprint: dict[str, Any]) -> Self:
        """From what the other programs wrote; the worker's CPU is that of `spread`."""
        medians, sizes = figures["medians"], footprint["bytes"]
        return cls(
            worker=medians["spread"]["service"]["cpu"],
            first_touch=medians["spread, first touch"]["service"]["cpu"],
            cassandra=footprint["medians"]["cassandra"],
            kafka=footprint["medians"]["kafka"],
            stored=sizes["Cassandra, all"],
            for_ever=sum(sizes[f"Cassandra: {name}"] for name in FOR_EVER),
            command=sizes["Kafka: chat.commands"],
            event=sizes["Kafka: chat.events"],
        )


def needs(costs: Costs, rate: float) -> dict[str, str]:
    """What so many commands a second need, each line by its name."""
    workers = _cores(costs.worker, rate)
    cassandra = _cores(costs.cassandra, rate) * REPLICAS
    produced = (costs.command + costs.event) * rate
    stored = costs.stored * REPLICAS * rate * DAY
    kept = stored * RETENTION_DAYS
    logged = costs.event * REPLICAS * rate * DAY
    return {
        "workers, every thread known": f"{ceil(workers / BUSY):,}",
        "workers, every thread loaded first": f"{ceil(_cores(costs.first_touch, rate) / BUSY):,}",
        "their memory": _bytes(ceil(workers / BUSY) * WORKER_BYTES),
        "partitions": f"{_power_of_two(ceil(workers / BUSY) * PARTITIONS_OF_WORKER):,}",
        "Kafka: produced a second": _bytes(produced),
        "Kafka: brokers by bytes": f"{max(REPLICAS, ceil(produced / BROKER_BYTES)):,}",
        "Kafka: cores, leaders alone": f"{_cores(costs.kafka, rate) / BUSY:,.1f}",
        "Kafka: events a day, three replicas": _bytes(logged),
        "Cassandra: cores, three replicas": f"{cassandra / BUSY:,.1f}",
        "Cassandra: nodes by CPU": f"{max(REPLICAS, ceil(cassandra / BUSY / NODE_CORES)):,}",
        "Cassandra: bytes a day, three replicas": _bytes(stored),
        "of which never expire": _bytes(costs.for_ever * REPLICAS * rate * DAY),
        "Cassandra: kept, a year of it": _bytes(kept),
        "Cassandra: nodes by disk, a year of it": f"{max(REPLICAS, ceil(kept / NODE_BYTES)):,}",
    }


def table(costs: Costs, rates: Sequence[int] = RATES) -> Iterator[str]:
    """Lines of Markdown, a column for each rate."""
    columns = [needs(costs, rate) for rate in rates]
    yield "| commands a second, day and night | " + " | ".join(f"{rate:,}" for rate in rates) + " |"
    yield "|---" * (len(rates) + 1) + "|"
    for name in columns[0]:
        yield f"| {name} | " + " | ".join(column[name] for column in columns) + " |"


def main() -> None:
    """Prints what was measured, and the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("footprint", type=Path)
    asked = parser.parse_args()
    costs = Costs.read(*(json.loads(file.read_text()) for file in (asked.figures, asked.footprint)))
    for name, value in costs._asdict().items():
        print(f"{name}: {value:,.0f}")
    print("\n" + "\n".join(table(costs)))


def _cores(micros: float, rate: float) -> float:
    return micros * rate / 1e6


def _power_of_two(least: int) -> int:
    return 1 << (max(least, 8) - 1).bit_length()


def _bytes(size: float) -> str:
    """In powers of ten, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1_000:
            return f"{size:,.3g} {unit}"
        size /= 1_000
    return f"{size:,.0f} PB" if size >= 100 else f"{size:,.3g} PB"


if __name__ == "__main__":
    main()
