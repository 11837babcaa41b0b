"""Faults mixed by a seed, and what each of them cost."""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.fault.faults.api_away import killed_api, leaving_api, sleeping_api
from tests.fault.faults.clock_jump import clock_jump
from tests.fault.faults.doubtful_writes import doubtful_writes
from tests.fault.faults.group_reset import group_reset
from tests.fault.faults.killed_server import killed_cassandra, killed_kafka
from tests.fault.faults.killed_worker import killed_worker
from tests.fault.faults.leaving_worker import leaving_worker
from tests.fault.faults.rebalance import rebalance
from tests.fault.faults.reset_link import reset_cassandra, reset_kafka
from tests.fault.faults.silent_link import silent_cassandra, silent_kafka, unanswered_cassandra, unanswered_kafka
from tests.fault.faults.sleeping_server import sleeping_cassandra, sleeping_kafka
from tests.fault.faults.sleeping_worker import sleeping_worker
from tests.fault.faults.slow_link import crumbled_cassandra, crumbled_kafka, late_cassandra, late_kafka
from tests.fault.overlap import Fault, together
from tests.fault.pulse import Pulse
from tests.fault.scene import Scene
from tests.oracle.run import OracleRun

OF_WORKERS: tuple[Fault, ...] = (
    killed_worker,
    sleeping_worker,
    leaving_worker,
    rebalance,
    clock_jump,
)
OF_APIS: tuple[Fault, ...] = (killed_api, leaving_api, sleeping_api)
OF_SERVERS: tuple[Fault, ...] = (
    killed_kafka,
    killed_cassandra,
    sleeping_kafka,
    sleeping_cassandra,
    late_kafka,
    late_cassandra,
    crumbled_kafka,
    crumbled_cassandra,
    reset_kafka,
    reset_cassandra,
    silent_kafka,
    silent_cassandra,
    unanswered_kafka,
    unanswered_cassandra,
    doubtful_writes,
)
SINGLE = (*OF_WORKERS, *OF_APIS, *OF_SERVERS, group_reset)
ROUND = len(SINGLE) + len(OF_WORKERS)
"""Faults until each has happened."""


def mixed(seed: int) -> Iterator[Fault]:
    """Every fault once in an order of the seed's, with each of a worker's beside one of a server's, evenly spread among
    them; then again in another order, and so on.
    """
    drawn = random.Random(seed)
    while True:
        single = drawn.sample(SINGLE, len(SINGLE))
        beside = zip(OF_WORKERS, drawn.sample(OF_SERVERS, len(OF_WORKERS)), strict=True)
        for number, pair in enumerate(drawn.sample(list(beside), len(OF_WORKERS))):
            yield together(*pair)
            yield from single[number :: len(OF_WORKERS)]


class Cost(NamedTuple):
    """Seconds: a fault's length, the longest time for which a partition at work before it had no command's outcome from
    its beginning on, and from its end until every such partition had one.
    """

    length: float
    pause: float
    recovery: float


@dataclass
class Figures:
    """What was measured of each kind of fault, and what became of the commands meanwhile."""

    costs: defaultdict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))
    began: float = field(default_factory=time.monotonic)
    commands: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def suffer(self, fault: Fault, scene: Scene, pulse: Pulse) -> None:
        """Lets a fault happen, and returns when every partition is at work again, and all say that they are."""
        partitions, began = pulse.at_work(), time.monotonic()
        fault(scene)
        ended = time.monotonic()
        try:
            recovery = pulse.recovery(ended, partitions)
        except AssertionError:
            scene.tell_waits()
            raise
        scene.until_ready()
        pause = pulse.longest_pause(began, ended + recovery, partitions)
        self.costs[fault.__name__].append(Cost(ended - began, pause, recovery))

    def count(self, oracle: OracleRun) -> None:
        """Adds a house's commands, and its outcomes where the oracle has judged them."""
        self.commands += len(oracle.source.log)
        self.outcomes.update(one.kind for one in oracle.expected)

    @property
    def faults(self) -> int:
        return sum(map(len, self.costs.values()))

    @property
    def seconds(self) -> float:
        """Since the first house was opened."""
        return time.monotonic() - self.began

    def keep(self, file: Path, seeds: str) -> None:
        """Writes all of it as JSON, over what was there: what was measured outlives a run that is cut short."""
        costs = {name: [one._asdict() for one in costs] for name, costs in sorted(self.costs.items())}
        told = {"seeds": seeds, "seconds": round(self.seconds), "faults": self.faults, "commands": self.commands}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told | {"outcomes": self.outcomes, "costs": costs}, indent=1), encoding="utf-8")

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {kind}" for kind, count in self.outcomes.most_common())
        return f"{self.seconds:.0f} s, {self.faults} faults, {self.commands} commands: {outcomes}\n{self.table()}"

    def table(self) -> str:
        """A line a kind: how often, and seconds of its length, pause and recovery: median and greatest."""
        rows = [f"{'fault':<38}{'times':>6}{'length':>14}{'pause':>14}{'recovery':>14}"]
        for name, costs in sorted(self.costs.items()):
            columns = (f"{median(column):.1f} / {max(column):.1f}" for column in zip(*costs, strict=True))
            rows.append(f"{name:<38}{len(costs):>6}" + "".join(f"{column:>14}" for column in columns))
        return "\n".join(rows)
