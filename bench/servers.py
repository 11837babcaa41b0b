"""The servers on which everybody plays: Cassandra with 4 GiB of heap, both with the optimising compiler.

With 512 MiB Cassandra stood still for 0.2 to 0.4 s every twenty seconds, to collect all of it, and a p99 told of
nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers


def embedded(folder: Path) -> EmbeddedServers:
    """A Kafka and a Cassandra of our own, not yet started."""
    return EmbeddedServers(EmbeddedConfig(folder, kafka_port=0, cassandra_port=0, cassandra_heap_mb=4_096, c2=True))


@contextmanager
def servers(folder: Path) -> Iterator[Addresses]:
    """The same, running inside."""
    with embedded(folder) as running:
        yield running.addresses
