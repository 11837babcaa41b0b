"""The embedded Kafka: one KRaft node, broker and controller in one process."""

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chat.errors import ServerDied
from chat.privacy.bounds import RETENTION_CHECK
from chat.servers.folder import DataFolder
from chat.servers.free_port import LOCALHOST, is_free
from chat.servers.process import roll, tail
from chat.servers.server import Program, Server, compiler, heap

MAIN = "kafka.Kafka"
FORMAT = "kafka.tools.StorageTool"
LOGGING = Path(__file__).with_name("kafka.log4j2.properties")
REQUEST_SECONDS = 2.0

# One node for development and tests: few threads, small internal topics, no waiting for a second group member.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "8",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    # A killed broker is let in again only when its old session has ended; 9 s is Kafka's default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
    "log.retention.check.interval.ms": str(RETENTION_CHECK),
}


class KafkaServer(Server):
    """Data in `<data-dir>/kafka`, log in `<data-dir>/logs/kafka.log`, listening on 127.0.0.1."""

    def __init__(
        self,
        folder: DataFolder,
        program: Program,
        *,
        port: int,
        controller_port: int = 0,
        heap_mb: int = 512,
        c2: bool = False,
        overrides: Mapping[str, str] | None = None,
        cluster: str = "",
    ) -> None:
        """Ports may be 0: free ones, which the folder keeps. `overrides` are broker settings over ours; `cluster`
        is the id of one to join, else it is one of its own.
        """
        super().__init__("kafka", folder, program)
        self.port = folder.port("kafka", port, "KAFKA_PORT")
        self.controller_port = folder.port("kafka-controller", controller_port, "the controller's port")
        self.heap_mb = heap_mb
        self.c2 = c2
        self.overrides = dict(overrides or {})
        self.cluster = cluster

    @property
    def bootstrap(self) -> str:
        """`host:port`, as `bootstrap.servers` takes it."""
        return f"{LOCALHOST}:{self.port}"

    def prepare(self) -> list[str]:
        self.folder.port("kafka", self.port, "KAFKA_PORT")
        self.folder.port("kafka-controller", self.controller_port, "the controller's port")
        if not (self.data / "meta.properties").exists():
            self._format()
        return self._java(MAIN, str(self._write_settings(self.data)))

    def answers(self) -> bool:
        # The port first, for librdkafka waits long between two attempts to connect.
        return not is_free(self.port) and answers_at(self.bootstrap)

    def _format(self) -> None:
        """Give the data folder its cluster id, once; under another name first, so that it is whole or not there."""
        fresh = self.data.with_name("kafka.new")
        shutil.rmtree(fresh, ignore_errors=True)
        settings = self._write_settings(fresh)
        cluster = self.cluster or new_cluster_id()
        command = self._java(FORMAT, "format", f"--cluster-id={cluster}", f"--config={settings}")
        roll(self.log)
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise ServerDied("kafka.tools.StorageTool", self.log, tail(self.log))
        fresh.rename(self.data)

    def _write_settings(self, data: Path) -> Path:
        listeners = f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOCALHOST}:{self.controller_port}"
        own = {
            "log.dirs": str(data),
            "listeners": listeners,
            "controller.quorum.voters": f"1@{LOCALHOST}:{self.controller_port}",
        }
        file = self.folder.path / "kafka.properties"
        settings = SETTINGS | own | self.overrides
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
        return file

    def _java(self, main_class: str, *arguments: str) -> list[str]:
        options = [
            *heap(self.heap_mb, whole=self.c2),
            *compiler(c2=self.c2),
            f"-Djava.io.tmpdir={self.scratch()}",
            f"-Dlog4j2.configurationFile={LOGGING}",
        ]
        return self.program.command(options, main_class, *arguments)


def answers_at(bootstrap: str) -> bool:
    """Whether a broker there answers a request for metadata."""
    try:
        metadata = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=REQUEST_SECONDS)
    except KafkaException:
        return False
    return bool(metadata.brokers)


def new_cluster_id() -> str:
    """A new KRaft cluster id: a UUID in URL-safe base64 without padding."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
