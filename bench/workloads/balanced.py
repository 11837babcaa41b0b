"""A message to each partition in turn: what several workers do together is then no more than each of them can do."""

from collections.abc import Iterator

from bench.house import PARTITIONS
from bench.workload import Intent, Place, Workload, post
from chat.domain.partition import learner_key, partition_of

EACH = 20
"""Threads of a partition that are written to."""


def balanced(workload: Workload, commands: int, _play: int) -> Iterator[Intent]:
    """Whatever the number of commands, no partition has more than one more than another."""
    of_partition: list[list[Place]] = [[] for _ in range(PARTITIONS)]
    for at in workload.places():
        of_partition[partition_of(learner_key(at.tenant_id, at.learner_id).encode(), PARTITIONS)].append(at)
    for turn in range(commands):
        yield post(of_partition[turn % PARTITIONS][turn // PARTITIONS % EACH])


BALANCED = Workload("balanced", 7, threads=PARTITIONS * EACH * 2, commands=balanced)
TOUCHES = PARTITIONS * EACH
"""Commands after which every thread has one."""
