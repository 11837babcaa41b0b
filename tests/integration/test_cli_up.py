"""`chat up` and `chat servers`: everything on one machine, its data, its end, and what is left of it."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from chat.cli.http import get
from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.chat_program import ChatProgram
from tests.wait import until
from tests.worker import environment

ANY_PORTS = {"KAFKA_PORT": "0", "CASSANDRA_PORT": "0", "API_PORT": "0", "METRICS_PORT": "0"}


@contextmanager
def running(program: ChatProgram, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A started program; whatever the test does, nothing of it is left."""
    process = program.start(*arguments)
    try:
        yield process
    finally:
        left = family(process.pid)
        process.kill()
        process.communicate(timeout=60)
        psutil.wait_procs(left, 30)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    try:
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def ready(process: "subprocess.Popen[str]") -> dict[str, str]:
    """The addresses of the `ready:` line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready: "), line + (process.stderr.read() if process.stderr else "")
    return dict(part.split("=", 1) for part in line.split()[1:])


def sample(process: "subprocess.Popen[str]") -> list[str]:
    """The lines of the sample up to its last one."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("try: "):
        lines.append(process.stdout.readline().rstrip())
        assert process.poll() is None, lines
    return lines


def test_everything_on_one_machine(tmp_path: Path) -> None:
    """All of it comes up with one command and a secret of its own, keeps its data after kill -9, and ends in order.

    What opens the data is in their folder too: the second time it is started from somewhere else.
    """
    program = ChatProgram(tmp_path, ANY_PORTS)
    with running(program, "up", "--sample", "--data-dir", "data") as first:
        addresses = ready(first)
        assert list(addresses) == ["api", "kafka", "cassandra"]
        said = sample(first)
        assert said[0] == "sample: 9 commands put on Kafka: 9 applied"
        second = program.run("up", "--data-dir", "data")
        assert (second.status, "in use by process" in second.err) == (1, True)
        household = family(first.pid)
        assert len(household) >= 9, "up, and a guardian with its server four times"
        first.kill()
        _, left = psutil.wait_procs(household, 30)
        assert left == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = ChatProgram(elsewhere, ANY_PORTS)
    with running(program, "up", "--sample", "--data-dir", "../data") as again:
        addresses = ready(again)
        api = addresses["api"]
        repeated = sample(again)
        assert repeated[0] == "sample: 9 commands put on Kafka: 9 duplicate"
        history = [line for line in said if line.startswith("  ")]
        assert len(history) == 7
        assert [line for line in repeated if line.startswith("  ")] == history
        shown = program.run(
            "token", "--tenant", "sample-school", "--user", "ada", "--role", "learner", "--learner", "ada"
        )
        status, threads = get(api, "/api/v1/threads?learner_id=ada", shown.out.strip())
        assert (status, [thread["title"] for thread in threads["items"]]) == (200, ["Fractions"])
        assert finds_its_keys(elsewhere, addresses)
        household = family(again.pid)
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 0
        assert psutil.wait_procs(household, 10)[1] == []


def finds_its_keys(folder: Path, addresses: dict[str, str]) -> bool:
    """Whether another subcommand there, told of the servers alone, opens what is kept of a living learner."""
    servers = {"KAFKA_BOOTSTRAP_SERVERS": addresses["kafka"], "CASSANDRA_CONTACT_POINTS": addresses["cassandra"]}
    ended = ChatProgram(folder, servers).run(
        "privacy", "verify", "--tenant", "sample-school", "--learner", "ada", "--json"
    )
    return ended.status == 1 and bool(ended.lines)


@pytest.fixture
def on_session_servers(fresh: Settings, tmp_path: Path) -> ChatProgram:
    """The program with servers that run already."""
    return ChatProgram(tmp_path, environment(fresh) | {"API_PORT": "0", "METRICS_PORT": "0"})


def test_servers_that_are_named_are_not_started(on_session_servers: ChatProgram, servers: Addresses) -> None:
    """With addresses set only a worker and the API run, and SIGTERM ends them with status 0."""
    with running(on_session_servers, "up", "--json") as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())["ready"]
        assert (addresses["kafka"], addresses["cassandra"]) == (
            servers.kafka,
            f"{servers.cassandra[0]}:{servers.cassandra_port}",
        )
        household = family(process.pid)
        assert [one.name() for one in household if one.name() == "java"] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert psutil.wait_procs(household, 10)[1] == []


def test_a_worker_that_dies_ends_it_with_the_log(on_session_servers: ChatProgram) -> None:
    """A part that ends by itself stops the rest, with an error that shows the last lines of its log."""
    with running(on_session_servers, "up") as process:
        ready(process)
        household = family(process.pid)
        worker = next(
            one for one in household if one.cmdline()[-1] == "worker" and "guardian" not in str(one.cmdline())
        )
        os.kill(worker.pid, signal.SIGKILL)
        assert process.wait(60) == 1
        assert process.stderr is not None
        said = process.stderr.read()
        assert "chat: error: worker ended by itself; the last lines of .chat/logs/worker.log:" in said
        assert "Traceback" not in said
        assert psutil.wait_procs(household, 10)[1] == []


def test_a_port_that_is_taken_is_named(on_session_servers: ChatProgram) -> None:
    """The error says which setting to change."""
    with running(on_session_servers, "up") as first:
        port = ready(first)["api"].rsplit(":", 1)[1]
        taken = ChatProgram(on_session_servers.folder, {**on_session_servers.variables, "API_PORT": port})
        ended = taken.run("up")
        assert (ended.status, ended.out) == (1, "")
        assert f"port {port} is taken: stop what listens there, or set API_PORT" in ended.err


def test_it_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    """SIGTERM before it is ready ends everything that was started so far, with status 0."""
    with running(ChatProgram(tmp_path, ANY_PORTS), "up") as process:
        household: list[psutil.Process] = until(
            lambda: [one for one in family(process.pid) if one.name() == "java"] and family(process.pid)
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert psutil.wait_procs(household, 10)[1] == []


def test_servers_alone(tmp_path: Path) -> None:
    """`chat servers` runs both servers, says where, and ends with status 0."""
    with running(ChatProgram(tmp_path, ANY_PORTS), "servers") as process:
        addresses = ready(process)
        assert list(addresses) == ["kafka", "cassandra"]
        elsewhere = {"KAFKA_BOOTSTRAP_SERVERS": addresses["kafka"], "CASSANDRA_CONTACT_POINTS": "127.0.0.1"}
        port = addresses["cassandra"].rsplit(":", 1)[1]
        client = ChatProgram(tmp_path, elsewhere | {"CASSANDRA_PORT": port})
        assert client.run("migrate").status == 0
        assert client.run("topics", "apply").out.count("made with 8 partitions") == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
