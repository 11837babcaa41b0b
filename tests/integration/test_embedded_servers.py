"""The embedded Kafka and Cassandra themselves: data, faults, errors, and their end."""

import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.query import SimpleStatement
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from chat.errors import DiskSpaceLow, FolderInUse, PortTaken, ServerDied
from chat.servers import folder
from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers
from chat.servers.free_port import free_port
from tests.servers import embedded_servers
from tests.wait import until

SECONDS = 90.0
INSERT = "INSERT INTO words (id, word) VALUES (1, 'kept')"
SELECT = "SELECT word FROM words WHERE id = 1"
RUN = """
import sys
from pathlib import Path
from chat.servers.embedded import EmbeddedConfig
from chat.servers.run import run_servers
config = EmbeddedConfig(Path(sys.argv[1]), cassandra=False, kafka_port=0)
sys.exit(run_servers(config, lambda addresses: print(addresses.kafka, flush=True)))
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[EmbeddedServers]:
    with embedded_servers(commitlog_sync="batch") as running:
        yield running


def connect(addresses: Addresses) -> Cluster:
    return Cluster(
        addresses.cassandra,
        port=addresses.cassandra_port,
        protocol_version=4,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=SECONDS)},
        connect_timeout=SECONDS,
        control_connection_timeout=SECONDS,
    )


def make_keyspace(session: Session, replicas: int) -> str:
    """A fresh keyspace, from now on the session's, with a table `words (id, word)`."""
    keyspace = f"k{uuid.uuid4().hex}"
    replication = f"{{'class': 'NetworkTopologyStrategy', 'datacenter1': {replicas}}}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    session.set_keyspace(keyspace)
    session.execute("CREATE TABLE words (id int PRIMARY KEY, word text)")
    return keyspace


def write_word(addresses: Addresses) -> str:
    with connect(addresses) as cluster, cluster.connect() as session:
        keyspace = make_keyspace(session, replicas=1)
        session.execute(INSERT)
    return keyspace


def read_word(addresses: Addresses, keyspace: str) -> str:
    with connect(addresses) as cluster, cluster.connect(keyspace) as session:
        word: str = session.execute(SELECT).one().word
    return word


def make_topic(bootstrap: str) -> str:
    topic = f"t{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)], request_timeout=SECONDS)[topic].result(SECONDS)
    return topic


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(SECONDS) == 0


def consume(bootstrap: str, topic: str) -> bytes | None:
    group = {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
    with Consumer({"bootstrap.servers": bootstrap, **group}) as consumer:
        consumer.subscribe([topic])
        record = consumer.poll(SECONDS)
        return record.value() if record else None


def test_a_restart_on_the_same_folder_keeps_data_and_ports(servers: EmbeddedServers) -> None:
    """Stopped and started again, the servers have their records, rows and addresses."""
    before = servers.addresses
    topic = make_topic(str(before.kafka))
    produce(str(before.kafka), topic, b"kept")
    keyspace = write_word(before)
    servers.stop()
    assert servers.start() == before
    assert consume(str(before.kafka), topic) == b"kept"
    assert read_word(before, keyspace) == "kept"


def test_a_killed_kafka_comes_back_with_its_records(servers: EmbeddedServers) -> None:
    """What Kafka acknowledged before `kill -9` is there when it is started again, on the same port."""
    assert servers.kafka is not None
    bootstrap = servers.kafka.bootstrap
    topic = make_topic(bootstrap)
    produce(bootstrap, topic, b"acknowledged")
    servers.kafka.kill()
    assert servers.died() is servers.kafka
    servers.kafka.start()
    assert servers.died() is None
    assert consume(bootstrap, topic) == b"acknowledged"


def test_a_killed_cassandra_comes_back_with_its_rows(servers: EmbeddedServers) -> None:
    """What Cassandra acknowledged before `kill -9` is there when it is started again, on the same port."""
    keyspace = write_word(servers.addresses)
    (node,) = servers.cassandra
    node.kill()
    assert not node.answers()
    node.start()
    assert read_word(servers.addresses, keyspace) == "kept"


def test_a_paused_server_answers_nothing_until_it_is_resumed(servers: EmbeddedServers) -> None:
    """Paused, both servers are alive and silent; resumed, they answer."""
    for server in servers.servers:
        server.pause()
        assert server.alive
        until(lambda: not server.answers())  # noqa: B023 - asked at once
        server.resume()
        until(server.answers)


def test_a_topic_is_never_made_by_naming_it(servers: EmbeddedServers) -> None:
    """Kafka makes no topic by itself."""
    assert servers.kafka is not None
    admin = AdminClient({"bootstrap.servers": servers.kafka.bootstrap})
    name = f"t{uuid.uuid4().hex}"
    assert admin.list_topics(name, timeout=SECONDS).topics[name].error is not None
    assert name not in admin.list_topics(timeout=SECONDS).topics


def test_the_servers_listen_on_loopback_only(servers: EmbeddedServers) -> None:
    """No other machine reaches them."""
    for server in servers.servers:
        listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert all(re.fullmatch(r"(::ffff:)?127\.\d+\.\d+\.\d+", c.laddr.ip) for c in listening)


def test_a_second_run_on_the_folder_is_refused(servers: EmbeddedServers) -> None:
    """The error names the folder and the process that has it; the first run goes on."""
    second = EmbeddedServers(EmbeddedConfig(servers.folder.path, kafka_port=0, cassandra_port=0))
    with pytest.raises(FolderInUse, match=f"{servers.folder.path}.*{os.getpid()}"):
        second.start()
    assert servers.died() is None


def test_a_taken_kafka_port_is_named_with_its_setting(tmp_path: Path) -> None:
    """Where another process listens on Kafka's port, nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        servers = EmbeddedServers(EmbeddedConfig(tmp_path, cassandra_port=0, kafka_port=port))
        with pytest.raises(PortTaken, match=f"{port}.*KAFKA_PORT"):
            servers.start()
    assert not any(server.alive for server in servers.servers)


def test_a_taken_cassandra_port_is_named_with_its_setting(tmp_path: Path) -> None:
    """Where another process listens on Cassandra's port, nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        servers = EmbeddedServers(EmbeddedConfig(tmp_path, cassandra_port=port, kafka_port=0))
        with pytest.raises(PortTaken, match=f"{port}.*CASSANDRA_PORT"):
            servers.start()
    assert not any(server.alive for server in servers.servers)


def test_too_little_space_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less free than the servers need, the error says how much there is."""
    monkeypatch.setattr(folder, "NEEDED_BYTES", 2**60)
    with pytest.raises(DiskSpaceLow, match=r"\d+ MiB free"):
        EmbeddedServers(EmbeddedConfig(tmp_path)).start()


def test_a_kafka_that_dies_while_starting_shows_its_log(tmp_path: Path) -> None:
    """The error holds what Kafka said, and the folder is free for another try."""
    config = EmbeddedConfig(tmp_path, cassandra=False, kafka_port=0, kafka_overrides={"node.id": "none"})
    for _ in range(2):
        with pytest.raises(ServerDied, match="Invalid value none"):
            EmbeddedServers(config).start()


def test_a_cassandra_that_dies_while_starting_shows_its_log(tmp_path: Path) -> None:
    """The error holds what Java said of a heap that is too small."""
    with pytest.raises(ServerDied, match="heap"):
        EmbeddedServers(EmbeddedConfig(tmp_path, kafka=False, cassandra_port=0, cassandra_heap_mb=1)).start()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all runs: Kafka formats it only once."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def run(run_folder: Path) -> Iterator["Run"]:
    running = Run(run_folder)
    yield running
    running.process.kill()
    running.process.wait()


class Run:
    """A process of its own that runs an embedded Kafka by `run_servers` and has said that it is ready."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", RUN, data_dir], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("127.0.0.1:")
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def kafka(self) -> psutil.Process:
        (java,) = (child for child in self.children if "java" in child.name())
        return java

    def nothing_left(self) -> bool:
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self.children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_all_with_status_0(run: Run, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM stop the servers before the process ends, with status 0."""
    run.process.send_signal(number)
    assert run.process.wait(SECONDS) == 0
    assert run.nothing_left()


def test_kill_9_leaves_no_orphan_and_the_folder_usable(run: Run, run_folder: Path) -> None:
    """Within five seconds of the parent's `kill -9` no server is left; a new run waits for that and starts."""
    run.process.kill()
    run.process.wait()
    with EmbeddedServers(EmbeddedConfig(run_folder, cassandra=False, kafka_port=0)) as servers:
        assert run.nothing_left()
        assert servers.died() is None


def test_a_server_that_dies_later_ends_the_run_with_status_1(run: Run) -> None:
    """The run does not go on without a server."""
    run.kafka.kill()
    assert run.process.wait(SECONDS) == 1


def test_a_ring_of_three_outlives_one_node() -> None:
    """With one of three nodes killed a quorum still writes and reads; started again, the node serves the row."""
    with embedded_servers(kafka=False, cassandra_nodes=3, cassandra_heap_mb=256) as servers:
        assert servers.addresses.cassandra == ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        with connect(servers.addresses) as cluster, cluster.connect() as session:
            make_keyspace(session, replicas=3)
            servers.cassandra[2].kill()
            session.execute(SimpleStatement(INSERT, consistency_level=ConsistencyLevel.QUORUM))
            assert session.execute(SELECT).one().word == "kept"
        servers.cassandra[2].start()
        until(servers.cassandra[2].sees_ring)


def test_a_free_port_is_another_one_each_time() -> None:
    """Who was given one need not listen on it yet."""
    assert len({free_port() for _ in range(200)}) == 200
