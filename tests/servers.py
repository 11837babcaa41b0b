"""Real servers for the tests: started once a session, on free ports, away from every default.

`TEST_SERVERS` says which: `embedded` (the default), `containers` (testcontainers, where a Docker engine answers), or
`external` (what `KAFKA_BOOTSTRAP_SERVERS`, `CASSANDRA_CONTACT_POINTS` and `CASSANDRA_PORT` name: nothing to wait for).
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer

from chat.servers.cql import serves
from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers
from chat.servers.free_port import free_port
from chat.servers.kafka import SETTINGS, answers_at
from tests.wait import until

KAFKA_IMAGE = "apache/kafka:4.4.0"
CASSANDRA_IMAGE = "cassandra:5.0"
CASSANDRA_PORT = 9042
CONTROLLER_PORT = 9093
CONTAINER_SECONDS = 180.0

HASTY_SCHEMA = "-Dcassandra.test.flush_local_schema_changes=false"
"""A changed schema is not written out at once, which is most of what it costs: for a node that never begins anew."""


def running_servers() -> AbstractContextManager[Addresses]:
    """Kafka and Cassandra, for as long as the `with` block lasts."""
    return SOURCES[os.environ.get("TEST_SERVERS", "embedded")]()


@contextmanager
def embedded_servers(**config: Any) -> Iterator[EmbeddedServers]:
    """Servers of one's own in a temporary folder, which a test may kill and pause; `config` as `EmbeddedConfig`."""
    defaults: dict[str, Any] = {"kafka_port": 0, "cassandra_port": 0, "cassandra_heap_mb": 512}
    with (
        tempfile.TemporaryDirectory(prefix="chat-test-") as folder,
        EmbeddedServers(EmbeddedConfig(Path(folder), **defaults | config)) as servers,
    ):
        yield servers


@contextmanager
def _embedded() -> Iterator[Addresses]:
    with embedded_servers(cassandra_options=[HASTY_SCHEMA]) as servers:
        yield servers.addresses


@contextmanager
def _external() -> Iterator[Addresses]:
    if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        raise pytest.UsageError("TEST_SERVERS=external: topics have fixed names, so run with JOBS=0 (-n 0)")
    hosts = tuple(os.environ["CASSANDRA_CONTACT_POINTS"].split(","))
    yield Addresses(os.environ["KAFKA_BOOTSTRAP_SERVERS"], hosts, int(os.environ.get("CASSANDRA_PORT", CASSANDRA_PORT)))


@contextmanager
def _containers() -> Iterator[Addresses]:
    port = free_port()
    kafka = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port).with_envs(**kafka_environment(port))
    heap = {"MAX_HEAP_SIZE": "512M", "HEAP_NEWSIZE": "128M"}
    cassandra = DockerContainer(CASSANDRA_IMAGE).with_exposed_ports(CASSANDRA_PORT).with_envs(**heap)
    with kafka, cassandra:
        host, cql_port = cassandra.get_container_host_ip(), int(cassandra.get_exposed_port(CASSANDRA_PORT))
        bootstrap = f"{kafka.get_container_host_ip()}:{port}"
        query = "SELECT release_version FROM system.local"
        until(lambda: answers_at(bootstrap), CONTAINER_SECONDS, "Kafka's container")
        until(lambda: serves(host, cql_port, query, replicas=1), CONTAINER_SECONDS, "Cassandra's container")
        yield Addresses(bootstrap, (host,), cql_port)


def kafka_environment(port: int) -> dict[str, str]:
    """The embedded broker's settings, as the image takes them, with the port by which the host reaches it."""
    listeners = {
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:{CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://localhost:{port}",
        "controller.quorum.voters": f"1@localhost:{CONTROLLER_PORT}",
    }
    return {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in (SETTINGS | listeners).items()}


SOURCES: dict[str, Callable[[], AbstractContextManager[Addresses]]] = {
    "embedded": _embedded,
    "containers": _containers,
    "external": _external,
}
