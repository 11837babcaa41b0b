"""One partition has no leader while all others have theirs: how far that reaches, and that nothing is lost."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from chat.servers.embedded import EmbeddedServers
from chat.servers.server import Server
from streams.lanes import LANES
from tests.clean_house import placed_house
from tests.conftest import FIGURES, StartWorker
from tests.fault.pulse import Pulse
from tests.fault.second_broker import NUMBER, second_broker
from tests.fault.test_server_faults import stopped
from tests.oracle.run import OracleRun
from tests.oracle.topics import Group
from tests.records import PARTITIONS
from tests.servers import embedded_servers
from tests.wait import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]
RATE = 100
AWAY_SECONDS = 25.0
AWAY = 1
"""The partition."""


class Cluster(NamedTuple):
    """Servers, and a second broker which has no more than it is given."""

    servers: EmbeddedServers
    second: Server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with embedded_servers() as servers:
        assert servers.kafka is not None
        nobody = Group(servers.kafka.bootstrap, "nobody", PARTITIONS)
        nobody.committed()  # makes the topic of offsets, wholly on the first broker
        nobody.close()
        with second_broker(servers.kafka) as second:
            yield Cluster(servers, second)


class Absence(NamedTuple):
    """A topic of which a partition is away, and of how many partitions commands are held up by that."""

    topic: str
    held_up: int


ABSENCES = (
    Absence("chat.commands", 1),
    # Events wait in their lane, and with them whatever else goes through it.
    Absence("chat.events", PARTITIONS // LANES),
)


@pytest.fixture(params=ABSENCES, ids=lambda one: one.topic)
def absence(request: pytest.FixtureRequest) -> Absence:
    chosen: Absence = request.param
    return chosen


@pytest.fixture
def oracle(cluster: Cluster, absence: Absence, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    """Watches a house of which the second broker has one partition."""

    def broker_of(topic: str, partition: int) -> int:
        return NUMBER if (topic, partition) == (absence.topic, AWAY) else 1

    house = placed_house(cluster.servers.addresses, broker_of, max_messages_per_thread=30)
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run


def test_a_partition_away_loses_nothing(
    absence: Absence,
    oracle: OracleRun,
    cluster: Cluster,
    start_worker: StartWorker,
    record_property: Callable[[str, object], None],
) -> None:
    """Others are at work all the while; those held up are as soon as it is back, with the same worker."""
    worker = start_worker(oracle.settings).until_ready()
    everything = set(range(PARTITIONS))
    with Pulse(oracle.settings) as pulse, oracle.stream(RATE) as stream:
        stream.until(5 * RATE)
        until(lambda: pulse.at_work() == everything, what="every partition being at work")
        with stopped(cluster.second):
            gone = time.monotonic()
            until(lambda: time.monotonic() > gone + AWAY_SECONDS, 2 * AWAY_SECONDS)
            held_up = everything - pulse.at_work()
            assert AWAY in held_up
            assert len(held_up) == absence.held_up
        back = time.monotonic()
        recovery = pulse.recovery(back, everything)
        record_property(FIGURES, f"{absence.topic}: {back - gone:.1f} s away, at work after {recovery:.1f} s")
    oracle.settle()
    oracle.verify()
    assert worker.stop() == 0
