"""Servers to which the workers have a way of their own: one of the broker's listeners names the address of a proxy."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat.servers.embedded import EmbeddedConfig, EmbeddedServers
from chat.servers.folder import DataFolder
from chat.servers.free_port import LOCALHOST, free_port
from chat.servers.kafka import SETTINGS
from chat.settings import Settings
from tests.cassandra_proxy import CassandraProxy
from tests.fault.link import Link, linked
from tests.proxy import Proxy

LISTENER = "listener.security.protocol.map"


class LinkedServers(EmbeddedServers):
    """A broker with a second listener, `linked_port`, that tells its clients to come to `link_port`; one Cassandra."""

    def __init__(self, folder: Path) -> None:
        controller = DataFolder(folder).port("kafka-controller", 0, "the controller's port")
        self.port, self.linked_port, self.link_port = free_port(), free_port(), free_port()
        own, linked_one = (f"{LOCALHOST}:{port}" for port in (self.port, self.linked_port))
        overrides = {
            "listeners": f"PLAINTEXT://{own},LINKED://{linked_one},CONTROLLER://{LOCALHOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{own},LINKED://{LOCALHOST}:{self.link_port}",
            "inter.broker.listener.name": "PLAINTEXT",
            LISTENER: f"{SETTINGS[LISTENER]},LINKED:PLAINTEXT",
        }
        config = EmbeddedConfig(
            folder,
            kafka_port=self.port,
            cassandra_port=0,
            cassandra_heap_mb=512,
            kafka_overrides=overrides,
            commitlog_sync="batch",  # else the one node loses what it had acknowledged when it is killed
        )
        super().__init__(config)


@contextmanager
def linked_servers() -> Iterator[LinkedServers]:
    """Running inside, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="chat-test-") as folder, LinkedServers(Path(folder)) as servers:
        yield servers


@contextmanager
def links(servers: LinkedServers, house: Settings) -> Iterator[tuple[Settings, Link, Link]]:
    """Settings of those whose ways lead through links, the one to Kafka and the one to Cassandra."""
    cassandra = CassandraProxy(servers.addresses.cassandra[0], servers.addresses.cassandra_port, free_port())
    with linked(Proxy(LOCALHOST, servers.linked_port, servers.link_port), cassandra) as (kafka_link, cassandra_link):
        changes = {
            "kafka_bootstrap_servers": (f"{LOCALHOST}:{kafka_link.port}",),
            "cassandra_contact_points": (LOCALHOST,),
            "cassandra_port": cassandra_link.port,
        }
        yield house.model_copy(update=changes), kafka_link, cassandra_link
