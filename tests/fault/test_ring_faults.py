"""A ring of three nodes of Cassandra, of which one or two are away: how long the service stands still."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import pytest

from chat.servers.embedded import EmbeddedServers
from chat.servers.server import Server
from tests.clean_house import clean_house
from tests.conftest import FIGURES, StartWorker
from tests.fault.pulse import Pulse
from tests.fault.test_server_faults import asleep, waits_for
from tests.oracle.run import OracleRun
from tests.servers import embedded_servers
from tests.wait import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]
RATE = 150
AWAY_SECONDS = 10.0
WARM_SECONDS = 30
"""Of work with a node that came back, before the next one goes: until then it is slow, and has hints to take."""


@contextmanager
def killed(server: Server) -> Iterator[None]:
    """Away inside: `kill -9`, and started again."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@pytest.fixture(scope="module")
def ring() -> Iterator[EmbeddedServers]:
    with embedded_servers(cassandra_nodes=3, cassandra_heap_mb=384, commitlog_sync="batch") as servers:
        yield servers


@pytest.fixture
def oracle(ring: EmbeddedServers, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    """Watches a house of which every row is on every node."""
    house = clean_house(ring.addresses, max_messages_per_thread=30, cassandra_replication={"datacenter1": 3})
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run


class Absence(NamedTuple):
    """A way to be away, and the longest time (s) for which a partition may stand still then."""

    away: Callable[[Server], AbstractContextManager[None]]
    longest_pause: float


@pytest.mark.parametrize("absence", [Absence(killed, 2.0), Absence(asleep, 5.0)])
def test_the_service_goes_on_without_one_node(
    absence: Absence,
    oracle: OracleRun,
    ring: EmbeddedServers,
    start_worker: StartWorker,
    record_property: Callable[[str, object], None],
) -> None:
    """Each of them in turn, killed or silent to all: the longest pause is bounded, no acknowledged write is missing."""
    worker = start_worker(oracle.settings).until_ready()
    pauses = []
    with Pulse(oracle.settings) as pulse, oracle.stream(RATE) as stream:
        stream.until(1000)
        partitions = range(oracle.settings.topic_partitions)
        pulse.recovery(0, partitions)
        for node in ring.cassandra:
            began = time.monotonic()
            with absence.away(node):
                until(lambda: time.monotonic() > began + AWAY_SECONDS, 2 * AWAY_SECONDS)  # noqa: B023 - asked at once
                pauses.append(pulse.longest_pause(began, time.monotonic(), partitions))
                record_property(FIGURES, f"{node.name} {absence.away.__name__}: longest pause {pauses[-1]:.2f} s")
            until(lambda: all(one.sees_ring() for one in ring.cassandra), 60, "the ring being whole for each node")
            stream.until(len(oracle.source.log) + WARM_SECONDS * RATE, 4 * WARM_SECONDS)
    oracle.settle()
    oracle.verify()
    assert max(pauses) < absence.longest_pause
    assert worker.stop() == 0


def test_two_nodes_are_waited_for(oracle: OracleRun, ring: EmbeddedServers, start_worker: StartWorker) -> None:
    """Without a quorum nothing is acknowledged and nothing given up; with two nodes again all of it is done."""
    worker = start_worker(oracle.settings).until_ready()
    with Pulse(oracle.settings) as pulse, oracle.stream(RATE) as stream:
        stream.until(500)
        with killed(ring.cassandra[2]):
            with killed(ring.cassandra[1]):
                until(lambda: "cassandra" in waits_for(worker), 30, "the worker's saying that it waits for Cassandra")
                stream.until(len(oracle.source.log) + 5 * RATE)
            until(lambda: worker.ready()[0] == 200, 60, "the worker being ready with two nodes")
            pulse.recovery(time.monotonic(), range(oracle.settings.topic_partitions))
        until(ring.cassandra[2].sees_ring, 60, "the ring being whole")
    oracle.settle()
    oracle.verify()
    assert worker.stop() == 0
