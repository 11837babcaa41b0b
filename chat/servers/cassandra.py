"""The embedded Cassandra: one node, or a ring of two or three."""

import json

from chat.servers.cassandra_options import java_options
from chat.servers.cassandra_yaml import Ring, yaml_of
from chat.servers.cql import serves
from chat.servers.folder import DataFolder
from chat.servers.server import Program, Server

MAIN = "org.apache.cassandra.service.CassandraDaemon"
# On a table that every cluster has, with three replicas: reading it from all of them shows that the nodes are joined.
PROBE = "SELECT view_name FROM system_distributed.view_build_status WHERE keyspace_name = '-' AND view_name = '-'"


class CassandraServer(Server):
    """One node; number 0 has its data in `<data-dir>/cassandra`, the next in `<data-dir>/cassandra-2`, and so on."""

    def __init__(self, folder: DataFolder, program: Program, ring: Ring, number: int = 0) -> None:
        super().__init__("cassandra" if number == 0 else f"cassandra-{number + 1}", folder, program)
        self.ring = ring
        self.number = number
        self.host = ring.hosts[number]
        self.port = ring.port

    def prepare(self) -> list[str]:
        self.folder.port("cassandra", self.port, "CASSANDRA_PORT", [self.host])
        self.folder.port("cassandra-storage", self.ring.storage_port, "the storage port", [self.host])
        settings = self.folder.path / f"{self.name}.yaml"
        # JSON is YAML.
        settings.write_text(json.dumps(yaml_of(self.ring, self.number, self.data), indent=2), encoding="utf-8")
        options = java_options(settings, self.data, self.scratch(), heap_mb=self.ring.heap_mb, c2=self.ring.c2)
        return self.program.command([*self._agent(), self._last_words(), *options, *self.ring.java_options], MAIN)

    def answers(self) -> bool:
        return serves(self.host, self.port, PROBE, replicas=1)

    def sees_ring(self) -> bool:
        """Whether this node can read from all of the ring's nodes."""
        return serves(self.host, self.port, PROBE, replicas=self.ring.nodes)

    def _last_words(self) -> str:
        """Where Java says how it crashed, as it does when the disk is full under a commit log in mapped memory."""
        return f"-XX:ErrorFile={self.log.with_name(self.name)}-crash-%p.log"

    def _agent(self) -> list[str]:
        """The jar with which Cassandra measures objects in memory; without it, it guesses slowly."""
        return [f"-javaagent:{jar}" for jar in self.program.class_path if jar.name.startswith("jamm-")]
