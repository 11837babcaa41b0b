"""Workers of one group: they share the partitions, hand them over, and stay when nothing happens."""

import time
from collections.abc import Iterator

import pytest

from chat.settings import Settings
from tests.conftest import StartWorker
from tests.oracle.run import OracleRun
from tests.wait import until
from tests.worker import REBALANCES, WorkerProcess

IDLE_SECONDS = 15.0
"""Longer than the group's session timeout and than Faust's own poll interval checks."""


@pytest.fixture(scope="module")
def oracle(fresh: Settings, seed: int) -> Iterator[OracleRun]:
    """Watches a house where nothing has happened yet."""
    with OracleRun(fresh, seed, f".venv/bin/pytest {__file__}") as run:
        yield run


def test_two_workers_share_the_partitions_and_hand_them_over(oracle: OracleRun, start_worker: StartWorker) -> None:
    """One joins and takes half, the other leaves and the one takes all; nothing is lost on the way, nor done twice, but
    for what a machine that is too busy did not finish in time.
    """
    first = start_worker(oracle.settings)
    _until_owned(oracle, first)
    with oracle.stream(rate=200) as stream:
        stream.until(200)
        second = start_worker(oracle.settings)
        _until_owned(oracle, first, second)
        stream.until(len(oracle.source.log) + 200)
        assert first.stop() == 0
        _until_owned(oracle, second)
        stream.until(len(oracle.source.log) + 200)
    oracle.settle()
    oracle.verify(once=not (first.left_work() or second.left_work()))
    assert second.stop() == 0


def test_an_idle_worker_keeps_its_membership(oracle: OracleRun, start_worker: StartWorker) -> None:
    """When nothing comes for longer than the session timeout it stays, and takes the next record at once."""
    worker = start_worker(oracle.settings).until_ready()
    rebalances, began = worker.metric(REBALANCES), time.monotonic()
    until(lambda: time.monotonic() - began > IDLE_SECONDS or oracle.group.members() != 1, IDLE_SECONDS + 10)
    assert oracle.group.members() == 1
    assert worker.metric(REBALANCES) == rebalances
    oracle.source.send(oracle.generator.take(20))
    oracle.source.flush()
    oracle.settle()
    oracle.verify()
    assert worker.stop() == 0


def _until_owned(oracle: OracleRun, *workers: WorkerProcess) -> None:
    """Returns when each of the workers has an equal share of the partitions."""
    share = oracle.settings.topic_partitions / len(workers)
    until(lambda: all(one.ready()[1].get("partitions") == share for one in workers), 60, "each worker's share")
