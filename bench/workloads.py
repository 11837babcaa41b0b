"""Where the messages go: to one thread after the other of many learners, or of few."""

from typing import NamedTuple

TENANTS = 4


class Workload(NamedTuple):
    """Messages to `threads` threads in turn, each of a learner of its own; `number` tells the workloads' ids apart."""

    name: str
    threads: int
    number: int


SPREAD = Workload("spread", 5_000, 1)
HOT = Workload("hot", 200, 2)
WORKLOADS = (SPREAD, HOT)


class Place(NamedTuple):
    """A thread and whose it is."""

    tenant_id: str
    learner_id: str
    thread_id: str


def place(workload: Workload, turn: int) -> Place:
    """The thread whose turn it is."""
    number = turn % workload.threads
    thread_id = f"0000000{workload.number}-0000-7000-8000-{number:012x}"
    return Place(f"tenant-{number % TENANTS}", f"{workload.name}-learner-{number}", thread_id)


def places(workload: Workload) -> list[Place]:
    """Every thread of a workload."""
    return [place(workload, turn) for turn in range(workload.threads)]
