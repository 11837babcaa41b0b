"""`python -m bench.account`: the CPU of what the default settings add to a command's way, alone and in one process.

`bench.watching` compares whole workers, whose figures move with the machine. Here a trip of posts is accounted for, and
requests to Cassandra are watched that ask nobody: what is timed is the watching alone.
"""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from cassandra.query import BatchStatement

from bench.silent import unwatched
from chat import logs
from chat.storage.session import asked
from streams.account import account
from streams.tracing import traceparent_of
from streams.work import Work

RECORDS = 100
"""A trip's records: fewer make the share of what a trip costs greater."""

STATEMENTS = 12
"""Of such a trip: four groups of rows in batches of 60, each of some partitions."""

TIMES = 300


def main() -> None:
    """Prints µs a command."""
    logs.configure("INFO")
    trip = _per_command(_trip())
    watched = _per_command(_requests(asked)) - _per_command(_requests(unwatched))
    looked = _per_command(_headers())
    print(f"outcomes, latencies, trips: {trip:.2f} µs a command")
    print(f"requests to Cassandra: {watched:.2f} µs")
    print(f"whether a command is traced: {looked:.2f} µs")
    print(f"all of it: {trip + watched + looked:.2f} µs")


def _trip() -> Callable[[], None]:
    now = int(time.time() * 1000)
    records: list[Any] = [SimpleNamespace(topic="chat.commands", partition=0, timestamp=now) for _ in range(RECORDS)]
    event: Any = None  # nobody looks at it
    work = Work(events=[(record, event) for record in records])
    work.applied["PostMessage"] = RECORDS
    return lambda: account(records, work)


def _requests(watch: Callable[[Any], Any]) -> Callable[[], None]:
    batch = BatchStatement()

    def ask() -> None:
        for _ in range(STATEMENTS):
            with watch(batch):
                pass

    return ask


def _headers() -> Callable[[], None]:
    record = SimpleNamespace(topic="chat.commands", partition=0, offset=0)

    def look() -> None:
        for _ in range(RECORDS):
            traceparent_of(record)

    return look


def _per_command(trip: Callable[[], None]) -> float:
    """The least of several: what disturbs can only add."""
    return min(_timed(trip) for _ in range(7))


def _timed(trip: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        trip()
    return (time.process_time() - began) / TIMES / RECORDS * 1e6


if __name__ == "__main__":
    main()
