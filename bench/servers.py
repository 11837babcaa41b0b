"""The servers on which everybody plays: Cassandra with 512 MB of heap, both with the optimising compiler."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers


@contextmanager
def servers(folder: Path) -> Iterator[Addresses]:
    """A Kafka and a Cassandra of our own."""
    config = EmbeddedConfig(folder, kafka_port=0, cassandra_port=0, cassandra_heap_mb=512, c2=True)
    with EmbeddedServers(config) as running:
        yield running.addresses
