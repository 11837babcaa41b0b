"""Both embedded servers, started and stopped as one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from chat.servers.artefacts import fetch
from chat.servers.cassandra import CassandraServer
from chat.servers.cassandra_yaml import CommitlogSync, Ring, ring_hosts
from chat.servers.folder import DataFolder
from chat.servers.java import find_java
from chat.servers.kafka import KafkaServer
from chat.servers.server import STOP_SECONDS, Program, Server


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """What to start, and where. A port of 0 is a free one, which the data folder keeps."""

    data_dir: Path
    kafka: bool = True
    cassandra: bool = True
    kafka_port: int = 9092
    cassandra_port: int = 9042
    cassandra_nodes: int = 1
    kafka_heap_mb: int = 512
    cassandra_heap_mb: int = 256
    kafka_overrides: Mapping[str, str] = field(default_factory=dict)
    cassandra_options: Sequence[str] = ()
    """Java options besides its own."""
    c2: bool = False
    commitlog_sync: CommitlogSync = "periodic"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients find the servers: `host:port` of Kafka, hosts and one port of Cassandra; empty if not started."""

    kafka: str | None
    cassandra: tuple[str, ...]
    cassandra_port: int


class EmbeddedServers:
    """A context manager: started on entry, stopped on exit."""

    def __init__(self, config: EmbeddedConfig) -> None:
        self.config = config
        self.folder = DataFolder(config.data_dir)
        self.kafka: KafkaServer | None = None
        self.cassandra: list[CassandraServer] = []

    @property
    def servers(self) -> list[Server]:
        return [*self.cassandra, *([self.kafka] if self.kafka else [])]

    def start(self) -> Addresses:
        """Return when every server answers.

        Raises FolderInUse, DiskSpaceLow, DownloadRefused, ArtefactDamaged, PortTaken, ServerDied, ServerNotReady;
        then nothing is left running.
        """
        try:
            self.folder.lock()
            self.folder.require_space()
            self._create()
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self) -> None:
        """Stop all servers at the same time and wait for them, half a minute for all. Safe to repeat."""
        deadline = time.monotonic() + STOP_SECONDS
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            server.stop(max(0.0, deadline - time.monotonic()))
        self.folder.unlock()

    def died(self) -> Server | None:
        """A server that has ended by itself; None while all run."""
        return next((server for server in self.servers if not server.alive), None)

    @property
    def addresses(self) -> Addresses:
        """Where the servers listen, once started."""
        nodes = self.cassandra
        port = nodes[0].ring.port if nodes else self.config.cassandra_port
        return Addresses(self.kafka.bootstrap if self.kafka else None, tuple(node.host for node in nodes), port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create(self) -> None:
        config = self.config
        wanted = [name for name, on in (("kafka", config.kafka), ("cassandra", config.cassandra)) if on]
        java = find_java()
        programs = {name: Program(java, jars) for name, jars in fetch(wanted).items()}
        if config.cassandra:
            ring, program = self._ring(), programs["cassandra"]
            self.cassandra = [CassandraServer(self.folder, program, ring, number) for number in range(ring.nodes)]
        if config.kafka:
            self.kafka = KafkaServer(
                self.folder,
                programs["kafka"],
                port=config.kafka_port,
                heap_mb=config.kafka_heap_mb,
                c2=config.c2,
                overrides=config.kafka_overrides,
            )

    def _ring(self) -> Ring:
        hosts = ring_hosts(self.config.cassandra_nodes)
        return Ring(
            nodes=self.config.cassandra_nodes,
            port=self.folder.port("cassandra", self.config.cassandra_port, "CASSANDRA_PORT", hosts),
            storage_port=self.folder.port("cassandra-storage", 0, "the storage port", hosts),
            heap_mb=self.config.cassandra_heap_mb,
            c2=self.config.c2,
            commitlog_sync=self.config.commitlog_sync,
            java_options=self.config.cassandra_options,
        )

    def _start_all(self) -> None:
        """At the same time, for each takes seconds; only a ring's other nodes wait for its seed."""
        seed, others = self.cassandra[:1], self.cassandra[1:]
        for server in [*seed, *([self.kafka] if self.kafka else [])]:
            server.launch()
        if others:
            seed[0].wait_ready()
        for node in others:
            node.launch()
        for server in self.servers:
            server.wait_ready()
        for node in self.cassandra:
            node.wait_until(node.sees_ring)
