"""Cassandra's disk is full: what it acknowledged is there, and the rest is done once there is room again."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from chat.servers.embedded import EmbeddedConfig, EmbeddedServers
from tests.clean_house import clean_house
from tests.conftest import FIGURES, StartWorker
from tests.fault.small_disk import SmallDisk, small_disk
from tests.fault.test_server_faults import waits_for
from tests.oracle.run import OracleRun
from tests.wait import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]
MEGABYTES = 384
RATE = 150
FILLING_SECONDS = 180.0
STILL_SECONDS = 15.0


class Host(NamedTuple):
    """Servers, and the disk that Cassandra has for itself."""

    servers: EmbeddedServers
    disk: SmallDisk


@pytest.fixture
def host() -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="chat-test-") as folder:
        config = EmbeddedConfig(
            Path(folder), kafka_port=0, cassandra_port=0, cassandra_heap_mb=512, commitlog_sync="batch"
        )
        with small_disk(Path(folder) / "cassandra", MEGABYTES) as disk, EmbeddedServers(config) as servers:
            yield Host(servers, disk)


@pytest.fixture
def oracle(host: Host, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    house = clean_house(host.servers.addresses, max_messages_per_thread=30)
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run


def test_a_full_disk_of_cassandra_loses_nothing(
    oracle: OracleRun, host: Host, start_worker: StartWorker, record_property: Callable[[str, object], None]
) -> None:
    """The node ends when it cannot write, the worker waits and says so; with room and the node back it goes on."""
    cassandra = host.servers.cassandra[0]
    worker = start_worker(oracle.settings).until_ready()
    with oracle.stream(RATE) as stream:
        stream.until(3 * RATE)
        with host.disk.full():
            full = time.monotonic()
            until(lambda: not cassandra.alive, FILLING_SECONDS, "the end of a node that cannot write")
            ended = time.monotonic()
            until(lambda: "cassandra" in waits_for(worker), what="the worker's saying that it waits for Cassandra")
            until(lambda: time.monotonic() > ended + STILL_SECONDS, 2 * STILL_SECONDS)
            assert worker.alive
            assert list(cassandra.log.parent.glob("cassandra-crash-*.log"))
            assert host.disk.free == 0
        cassandra.start()
        back = time.monotonic()
        until(lambda: worker.ready()[0] == 200, 60, "the worker being at work again")
        record_property(
            FIGURES, f"ended {ended - full:.1f} s after; at work {time.monotonic() - back:.1f} s after its start"
        )
        stream.until(len(oracle.source.log) + 3 * RATE)
    oracle.settle()
    oracle.verify()
    assert worker.stop() == 0
