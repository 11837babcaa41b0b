"""Cassandra and Kafka away for twenty seconds, under a running producer: the worker waits and goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from chat.servers.embedded import EmbeddedServers
from chat.servers.server import Server
from tests.conftest import StartWorker
from tests.oracle.run import OracleRun
from tests.wait import until
from tests.worker import WorkerProcess

AWAY_SECONDS = 20.0
SETTLING_SECONDS = 90.0
Away = Callable[[Server], AbstractContextManager[None]]


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Away inside: ended by SIGTERM, and started again."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def asleep(server: Server) -> Iterator[None]:
    """Away inside: its connections stay, and nothing answers."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


def outlast(worker: WorkerProcess, name: str, seconds: float = AWAY_SECONDS) -> None:
    """Returns after so many seconds in which the worker lived on, and said all along for whom it waits."""
    began = time.monotonic()
    until(lambda: name in waits_for(worker), AWAY_SECONDS, f"the worker's saying that it waits for {name}")

    def told() -> bool:
        status, said = worker.ready()
        assert (status, name in said["waiting_for"]) == (503, True), f"{said} after {time.monotonic() - began:.1f} s"
        assert worker.metric("chat_waiting_for_server") > 0
        return time.monotonic() - began > seconds

    until(told, seconds + 5)


def waits_for(worker: WorkerProcess) -> list[str]:
    """The servers that a worker says that it waits for."""
    return list(worker.ready()[1].get("waiting_for", []))


@pytest.mark.soak
def test_cassandra_stopped_loses_nothing(
    oracle: OracleRun, own_servers: EmbeddedServers, start_worker: StartWorker
) -> None:
    """Every record that came meanwhile is applied once Cassandra is back, by the same worker."""
    worker = start_worker(oracle.settings).until_ready()
    with oracle.stream(rate=150) as stream:
        stream.until(400)
        with stopped(own_servers.cassandra[0]):
            outlast(worker, "cassandra")
        stream.until(len(oracle.source.log) + 200)
    oracle.settle()
    oracle.verify()
    assert worker.ready()[0] == 200
    assert worker.stop() == 0


def test_a_worker_starts_while_cassandra_is_away(
    oracle: OracleRun, own_servers: EmbeddedServers, start_worker: StartWorker
) -> None:
    """It waits, is not ready and says for whom it waits, and goes on when Cassandra is there."""
    oracle.source.send(oracle.generator.take(200))
    oracle.source.flush()
    with stopped(own_servers.cassandra[0]):
        worker = start_worker(oracle.settings)
        until(lambda: "cassandra" in waits_for(worker), what="the worker's saying that it waits for Cassandra")
        assert worker.ready()[0] == 503
    worker.until_ready()
    oracle.settle()
    oracle.verify()


@pytest.mark.parametrize(
    ("away", "seconds"),
    [
        (stopped, AWAY_SECONDS),
        pytest.param(asleep, AWAY_SECONDS, marks=pytest.mark.soak),
        pytest.param(stopped, 300.0, marks=pytest.mark.soak),
    ],
)
def test_kafka_away_loses_nothing(
    away: Away, seconds: float, oracle: OracleRun, own_servers: EmbeddedServers, start_worker: StartWorker
) -> None:
    """The worker outlasts Kafka, whether its connections broke or only fell silent, and goes on as if nothing were."""
    assert own_servers.kafka is not None
    worker = start_worker(oracle.settings).until_ready()
    with oracle.stream(rate=150) as stream:
        stream.until(400)
        with away(own_servers.kafka):
            outlast(worker, "kafka", seconds)
        stream.until(len(oracle.source.log) + 200)
    oracle.settle(SETTLING_SECONDS + seconds)  # what has waited meanwhile comes on top
    oracle.verify()
    worker.until_ready()
    assert worker.stop() == 0
