"""The service on servers of its own, whose files a test reads, takes away and puts back."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from chat.domain.partition import learner_key, partition_of
from chat.servers.embedded import EmbeddedServers
from chat.settings import Settings
from tests.api_process import PROGRAM, ApiProcess, api_processes
from tests.chat_program import Ended
from tests.clean_house import clean_house
from tests.erasure_worker import KEPT_SECONDS
from tests.node_tool import nodetool
from tests.privacy_house import House
from tests.records import PARTITIONS


@dataclass
class Estate:
    """The service and all that its servers wrote."""

    servers: EmbeddedServers
    house: House
    folder: Path
    jmx: int
    start_api: Callable[[], ApiProcess]
    api: ApiProcess = field(init=False)

    def serve(self) -> None:
        """Starts an API process, which is asked from now on."""
        self.api = self.start_api()
        self.house.address = self.api.address()

    @property
    def settings(self) -> Settings:
        return self.house.settings

    @property
    def node(self) -> Path:
        """The folder of Cassandra's data, commit log, hints and caches."""
        return self.servers.cassandra[0].data

    @property
    def logs(self) -> Path:
        """The folder of Kafka's logs."""
        assert self.servers.kafka is not None
        return self.servers.kafka.data

    def tool(self, *arguments: str) -> None:
        nodetool(self.servers.cassandra[0], self.jmx, *arguments)

    def verify(self, learner: str, *more: str) -> Ended:
        return self.house.chat.run("privacy", "verify", "--tenant", "tenant-1", "--learner", learner, *more)

    def alter(self, topic: str, settings: dict[str, str]) -> None:
        """Other settings for a topic."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        admin = self._admin()
        (done,) = admin.incremental_alter_configs([resource]).values()
        done.result(10)  # while `admin` lives

    def heartbeat(self, topic: str) -> None:
        """A record in every partition, by which the broker ends the segment before it."""
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap_servers[0]})
        for partition in range(PARTITIONS):
            producer.produce(topic, None, b"heartbeat", partition)
        assert producer.flush(10) == 0

    def dead_letter(self, learner: str, word: str) -> None:
        """A record that nobody can read, with the learner's key."""
        key = learner_key("tenant-1", learner).encode()
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap_servers[0], "compression.type": "zstd"})
        value = b"\x99 of tenant-1 " + learner.encode() + b": " + word.encode()
        producer.produce("chat.commands", value, key, partition_of(key, PARTITIONS))
        assert producer.flush(10) == 0

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.settings.kafka_bootstrap_servers[0], "log_level": 0})


@contextlib.contextmanager
def estate(servers: EmbeddedServers, jmx: int, folder: Path, **changes: object) -> Iterator[Estate]:
    """The service on these servers, with folders of its own."""
    own = {"kek_folder": folder / "keys", "export_folder": folder / "exports", "erasure_ledger": folder / "ledger"}
    settings = clean_house(servers.addresses, **own | changes)
    served = settings.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    forgetful = f"from chat.storage import learner_keys; learner_keys.KEPT_SECONDS = {KEPT_SECONDS}; {PROGRAM}"
    with patch("tests.api_process.PROGRAM", forgetful), api_processes(folder) as start:
        here = Estate(servers, House(settings, folder, ""), folder, jmx, lambda: start(served))
        here.serve()
        yield here


def erase(here: Estate, learner: str) -> None:
    """To its end, with the epoch in which the learner's key was wrapped."""
    asked = here.house.ask("delete", learner)
    assert here.house.until_final(asked["request_id"])["state"] == "completed"
    assert here.house.chat.run("privacy", "rotate").status == 0
