"""One partition has no leader while its topic's others have theirs: it alone is waited for."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from chat.servers.embedded import EmbeddedServers
from chat.servers.server import Server
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


@pytest.fixture(params=["chat.commands", "chat.events", "chat.rejections"])
def oracle(cluster: Cluster, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    """Watches a house of which the second broker has one partition."""

    def broker_of(topic: str, partition: int) -> int:
        return NUMBER if (topic, partition) == (request.param, AWAY) else 1

    house = placed_house(cluster.servers.addresses, broker_of, max_messages_per_thread=30)
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run


def test_a_partition_that_is_away_holds_up_no_other(
    oracle: OracleRun,
    cluster: Cluster,
    start_worker: StartWorker,
    record_property: Callable[[str, object], None],
) -> None:
    """The others' commands are applied all the while, and its own as soon as it is back, by the same worker."""
    worker = start_worker(oracle.settings).until_ready()
    others = set(range(PARTITIONS)) - {AWAY}
    with Pulse(oracle.settings) as pulse, oracle.stream(RATE) as stream:
        stream.until(5 * RATE)
        until(lambda: pulse.at_work() == others | {AWAY}, what="every partition being at work")
        with stopped(cluster.second):
            gone = time.monotonic()
            until(lambda: time.monotonic() > gone + AWAY_SECONDS, 2 * AWAY_SECONDS)
            assert pulse.at_work() == others
        back = time.monotonic()
        recovery = pulse.recovery(back, others | {AWAY})
        record_property(FIGURES, f"{back - gone:.1f} s away; at work {recovery:.1f} s after it was back")
    oracle.settle()
    oracle.verify()
    assert worker.stop() == 0
