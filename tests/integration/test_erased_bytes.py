"""Two learners with unmistakable words go through everything; one is erased, and no file has a word of it.

And an older Cassandra, restored with its keys: the erased stays erased. On servers of their own, whose files are read.
"""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from chat.domain.partition import learner_key, partition_of
from chat.ids import new_id
from chat.servers.embedded import EmbeddedServers
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import PROGRAM, api_processes
from tests.chat_program import Ended
from tests.clean_house import clean_house
from tests.conftest import StartWorker
from tests.erasure_worker import KEPT_SECONDS
from tests.erasure_worker import PROGRAM as WORKER
from tests.integration.test_erasure import Life
from tests.node_tool import listening, nodetool
from tests.privacy_house import House
from tests.records import PARTITIONS
from tests.servers import embedded_servers
from tests.wait import until

CANARY, SPARROW = "canary7f3a unmistakable", "sparrow51bd unmistakable"
HASTY = {
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "500",
    "log.cleaner.backoff.ms": "500",
}
"""A broker that comes by soon: what takes days is to be seen in seconds."""

SOON = {"segment.ms": "500", "file.delete.delay.ms": "500"}
PAST = SOON | {"retention.ms": "500"}
COMPACTED = SOON | {"min.compaction.lag.ms": "0", "max.compaction.lag.ms": "500"}


@dataclass
class Estate:
    """The service and all that its servers wrote."""

    servers: EmbeddedServers
    house: House
    folder: Path
    jmx: int

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


@pytest.fixture(scope="module")
def jmx() -> Iterator[int]:
    port = free_port()
    with patch.dict(os.environ, listening(port)):
        yield port


@pytest.fixture(scope="module")
def own_servers(jmx: int) -> Iterator[EmbeddedServers]:
    assert jmx
    with embedded_servers(kafka_overrides=HASTY) as servers:
        yield servers


@contextlib.contextmanager
def estate(servers: EmbeddedServers, jmx: int, folder: Path, **changes: object) -> Iterator[Estate]:
    """The service on these servers, with folders of its own."""
    own = {"kek_folder": folder / "keys", "export_folder": folder / "exports", "erasure_ledger": folder / "ledger"}
    settings = clean_house(servers.addresses, **own | changes)
    served = settings.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    forgetful = f"from chat.storage import learner_keys; learner_keys.KEPT_SECONDS = {KEPT_SECONDS}; {PROGRAM}"
    with patch("tests.api_process.PROGRAM", forgetful), api_processes(folder) as start:
        yield Estate(servers, House(settings, folder, start(served).address()), folder, jmx)


def live(estate: Estate, learner: str, word: str) -> Life:
    """A life whose words are in every kind of command and event, a refusal, a dead letter and a bundle."""
    life = Life(estate.house, learner, word).live()
    nowhere = {"type": "PostMessage", "thread_id": new_id(), "message_id": new_id(), "content": word}
    assert life.send(nowhere) == ["thread_not_found"]
    estate.dead_letter(learner, word)
    whose = ("--tenant", "tenant-1", "--learner", learner)
    assert estate.house.chat.run("privacy", "export", *whose, "--wait", "--timeout", "60").status == 0
    return life


def places(ended: Ended, what: str) -> Counter[str]:
    """How many traces of a kind there are by kind of place."""
    return Counter(_kind(str(one["place"])) for one in ended.lines if one["what"] == what)


def _kind(place: str) -> str:
    names = ("CommitLog", "-Data.db", "/exports/", "chat.commands-", "chat.events-", "chat.dead-letter-")
    return next((name.strip("-/") for name in names if name in place), place.split(maxsplit=1)[0].partition("[")[0])


def everywhere(estate: Estate) -> list[str]:
    """Every folder that the servers and the service write to, in the order of `--path`."""
    return [part for path in (estate.logs, estate.node, estate.folder / "exports") for part in ("--path", str(path))]


def test_no_file_has_a_word_of_the_erased(
    own_servers: EmbeddedServers, jmx: int, tmp_path: Path, start_worker: StartWorker
) -> None:
    """Before, each is found in every place. Behind it, the erased in none, unless old keys are brought back."""
    with estate(own_servers, jmx, tmp_path) as here:
        worker = start_worker(here.settings, program=(WORKER,)).until_ready()
        live(here, "canary", CANARY)
        live(here, "sparrow", SPARROW)
        before = found_everywhere(here)
        assert places(before, "key")["Data.db"] > 0
        here.tool("snapshot", "-t", "before")
        shutil.copytree(here.settings.kek_folder, tmp_path / "keys-before")
        erase(here, "canary")
        gone = until_gone(here, "sparrow")
        assert gone.status == 0, gone.out + gone.err
        assert set(places(gone, "ids")) >= {"Data.db", "chat.events"}
        assert "NOT FOUND" not in gone.err
        brought = here.verify("canary", "--keys", str(tmp_path / "keys-before"), *everywhere(here))
        assert (brought.status, places(brought, "row")) == (1, Counter())
        assert places(brought, "key")["Data.db"] > 0
        assert places(brought, "words")["Data.db"] > 0
        assert CANARY not in worker.log.read_text()
        assert here.verify("canary", "--path", str(worker.log)).status == 0


@pytest.mark.soak
def test_without_encryption_words_go_with_their_bytes(
    own_servers: EmbeddedServers, jmx: int, tmp_path: Path, start_worker: StartWorker
) -> None:
    """Nothing but compaction, retention and the commit log's end makes them unreadable then, and they do."""
    with estate(own_servers, jmx, tmp_path, message_encryption=False) as here:
        worker = start_worker(here.settings, program=(WORKER,)).until_ready()
        live(here, "canary", CANARY)
        live(here, "sparrow", SPARROW)
        assert places(found_everywhere(here), "words")["CommitLog"] > 0
        asked = here.house.ask("delete", "canary")
        assert here.house.until_final(asked["request_id"])["state"] == "completed"
        here.tool("flush")
        here.tool("garbagecollect")
        (node,) = here.servers.cassandra
        here.tool("drain")
        node.stop()
        node.start()
        gone = until_gone(here, "sparrow")
        assert gone.status == 0, gone.out + gone.err
        assert "NOT FOUND" not in gone.err
        assert CANARY not in worker.log.read_text()


def found_everywhere(here: Estate) -> Ended:
    """What is found of the one that is to be erased: words in each kind of file that is flushed."""
    here.tool("flush")
    before = here.verify("canary", "--text", CANARY, *everywhere(here))
    assert before.status == 1
    wanted = {"chat.commands", "chat.events", "chat.dead-letter", "Data.db", "exports"}
    assert set(places(before, "words")) >= wanted, before.out
    return before


def erase(here: Estate, learner: str) -> None:
    """To its end, with the epoch in which the learner's key was wrapped."""
    asked = here.house.ask("delete", learner)
    assert here.house.until_final(asked["request_id"])["state"] == "completed"
    assert here.house.chat.run("privacy", "rotate").status == 0


def until_gone(here: Estate, control: str) -> Ended:
    """The search behind retention, compaction and garbage collection, which are made to come now."""
    here.tool("flush")
    here.tool("compact")
    for topic in ("chat.commands", "chat.rejections", "chat.dead-letter"):
        here.alter(topic, PAST)
    here.alter("chat.events", COMPACTED)
    here.heartbeat("chat.events")
    found: list[Ended] = []

    def clean() -> bool:
        here.heartbeat("chat.events")
        controlled = ("--control", control, "--control-text", SPARROW, "--text", CANARY)
        found.append(here.verify("canary", *controlled, *everywhere(here)))
        return found[-1].status == 0

    with contextlib.suppress(AssertionError):
        # What an erasure trimmed before goes a minute later: then the topics' own delay still held.
        until(clean, 100, "the end of every word")
    return found[-1]


def test_a_restored_cassandra_has_no_erased_learner(
    own_servers: EmbeddedServers, jmx: int, tmp_path: Path, start_worker: StartWorker
) -> None:
    """Tables and keys go back to before; the ledger ends the life again, and the other one is whole."""
    with estate(own_servers, jmx, tmp_path) as here:
        worker = start_worker(here.settings, program=(WORKER,)).until_ready()
        erased, other = Life(here.house, "wren", CANARY).live(), Life(here.house, "robin", SPARROW).live()
        rows = other.rows()
        here.tool("snapshot", "-t", "backup", here.settings.cassandra_keyspace)
        shutil.copytree(here.settings.kek_folder, tmp_path / "keys-backup")
        erase(here, "wren")
        assert worker.stop() == 0
        restore(here, "backup", tmp_path / "keys-backup")
        assert all(erased.rows().values())
        until(lambda: erased.shown() == (200, 200), 30, "the API's way to Cassandra")
        replayed = here.house.chat.run("privacy", "replay-ledger", "--json")
        assert replayed.lines == [{"receipts": 1, "lives": 1, "purged": 1}], replayed.err
        assert {table: found for table, found in erased.rows().items() if found} == {}
        assert other.rows() == rows
        until(lambda: erased.shown() == (404, 404), 10, "the end of the API's keys")
        assert here.house.chat.run("privacy", "replay-ledger", "--json").lines[0]["purged"] == 0
        start_worker(here.settings, program=(WORKER,)).until_ready()
        assert erased.send(erased.post(), erased.make()) == ["learner_erased"] * 2
        assert other.send(other.post()) == ["applied"]
        assert here.house.chat.run("privacy", "rotate").status == 0
        left = here.verify("wren", "--control", "robin", "--path", str(here.settings.kek_folder))
        assert Counter(one["what"] for one in left.lines)["row"] == 0


def restore(here: Estate, tag: str, keys: Path) -> None:
    """As the runbook has it: the node is stopped, a keyspace's data files give way to a snapshot's, keys come back."""
    (node,) = here.servers.cassandra
    node.stop()
    shutil.rmtree(node.data / "commitlog")
    for table in (node.data / "data" / here.settings.cassandra_keyspace).iterdir():
        for file in (one for one in table.iterdir() if one.is_file()):
            file.unlink()
        for file in (table / "snapshots" / tag).glob("*.*"):
            shutil.copy(file, table)
    for key in keys.glob("*.key"):
        shutil.copy2(key, here.settings.kek_folder)
    node.start()
