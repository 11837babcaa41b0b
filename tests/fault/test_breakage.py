"""The oracle is tried on workers that are broken on purpose: it must see each of them, and within two minutes."""

import time

import pytest

from chat.servers.embedded import EmbeddedServers
from tests.conftest import StartWorker
from tests.fault.broken import PROGRAM
from tests.oracle.findings import OracleError
from tests.oracle.run import OracleRun

FOUND_SECONDS = 120.0
"""A third of a minute where nobody else uses the machine."""


def short_run(oracle: OracleRun, servers: EmbeddedServers, start_worker: StartWorker, kind: str) -> None:
    """A few seconds of load, in the middle of which Cassandra holds its breath. Raises `OracleError`."""
    start_worker(oracle.settings, program=(PROGRAM, kind)).until_ready()
    with oracle.stream(rate=600) as stream:
        stream.until(1000)
        servers.cassandra[0].pause()
        stream.until(2200)
        servers.cassandra[0].resume()
        stream.until(3000)
    oracle.settle(90)
    oracle.verify()


def test_the_short_run_is_kept_by_a_worker_that_is_whole(
    oracle: OracleRun, own_servers: EmbeddedServers, start_worker: StartWorker
) -> None:
    """The same run, built by the same seam with nothing broken, finds nothing until a table is emptied afterwards."""
    short_run(oracle, own_servers, start_worker, "none")
    oracle.tables.empty("threads")
    assert {one.kind for one in oracle.findings()} == {"row", "http"}


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("acknowledge-before-write", {"early_commit"}),
        ("two-lanes-for-one-learner", {"wrong_outcome", "seq"}),
        ("event-before-row", {"event_before_row"}),
        pytest.param("rows-before-tombstones", {"tombstone"}, marks=pytest.mark.soak),
        pytest.param("edits-at-the-wall-clock", {"row"}, marks=pytest.mark.soak),
        ("drawn-seq", {"seq", "wrong_outcome"}),
        ("bare-offset", {"row"}),
        ("write-without-its-time", {"row"}),
    ],
)
def test_the_short_run_finds_a_broken_worker(
    kind: str, found: set[str], oracle: OracleRun, own_servers: EmbeddedServers, start_worker: StartWorker
) -> None:
    """Each breakage is found for what it is, in time."""
    began = time.monotonic()
    with pytest.raises(OracleError) as caught:
        short_run(oracle, own_servers, start_worker, kind)
    assert found <= {one.kind for one in caught.value.findings}
    assert time.monotonic() - began < FOUND_SECONDS


def erasing_run(oracle: OracleRun, start_worker: StartWorker, kind: str) -> None:
    """A few seconds of load with erasures in it, and a worker that is slow to speak. Raises `OracleError`."""
    start_worker(oracle.settings, program=(PROGRAM, kind)).until_ready()
    with oracle.stream(rate=300) as stream:
        for records in (600, 900, 1200):
            stream.until(records)
            oracle.ask()
        stream.until(1800)
    oracle.settle(120)
    oracle.verify()


def test_an_erasing_run_is_kept_by_a_worker_that_is_whole(oracle: OracleRun, start_worker: StartWorker) -> None:
    """Slow as it is."""
    erasing_run(oracle, start_worker, "slow-speech")


def test_the_erasing_run_finds_a_fence_that_is_not_waited_for(oracle: OracleRun, start_worker: StartWorker) -> None:
    """What the owner had under way is said after the last tombstones, and found in time."""
    began = time.monotonic()
    with pytest.raises(OracleError) as caught:
        erasing_run(oracle, start_worker, "fence-not-waited-for")
    assert "tombstone" in {one.kind for one in caught.value.findings}
    assert time.monotonic() - began < FOUND_SECONDS
