"""A server process and its guardian, with `sleep` in the server's place."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chat.errors import ServerDied
from chat.servers import embedded
from chat.servers.embedded import EmbeddedConfig, EmbeddedServers
from chat.servers.process import LOG_LIMIT, ServerProcess, roll, tail
from chat.servers.server import Program, Server
from tests.wait import until

SLEEP = ["sleep", "600"]
PARENT = """
import sys, time
from pathlib import Path
from chat.servers.process import ServerProcess
server = ServerProcess("sleeper", ["sh", "-c", sys.argv[1]], Path(sys.argv[2]))
print(server.pid, flush=True)
time.sleep(600)
"""
DEAF = "trap '' TERM; echo deaf; while true; do sleep 0.1; done"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "server.log"


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_stopped_server_has_ended_when_stop_returns(log: Path) -> None:
    """SIGTERM ends the server before `stop` returns."""
    server = ServerProcess("sleeper", SLEEP, log)
    assert not gone(server.pid)
    server.stop(grace=10)
    assert gone(server.pid)
    assert not server.alive


def test_a_server_that_ignores_sigterm_is_killed(log: Path) -> None:
    """After its grace a server that does not listen is killed."""
    server = ServerProcess("deaf", ["sh", "-c", DEAF], log)
    until(lambda: tail(log) == ["deaf"])
    server.stop(grace=0.2)
    assert gone(server.pid)


class Deaf(Server):
    """A server that has nothing to say, and does not hear SIGTERM."""

    def prepare(self) -> list[str]:
        return ["sh", "-c", DEAF]

    def answers(self) -> bool:
        return tail(self.log) == ["deaf"]


def test_two_servers_that_ignore_sigterm_have_one_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped as one, the second does not get its seconds after the first has had them."""
    monkeypatch.setattr(embedded, "STOP_SECONDS", 4.0)
    servers = EmbeddedServers(EmbeddedConfig(tmp_path, kafka=False))
    servers.folder.lock()
    deaf = [Deaf(name, servers.folder, Program(tmp_path, ())) for name in ("one", "other")]
    monkeypatch.setattr(EmbeddedServers, "servers", deaf)
    for server in deaf:
        server.start()
    began = time.monotonic()
    servers.stop()
    assert 4.0 <= time.monotonic() - began < 8.0
    assert not any(server.alive for server in deaf)


def test_a_paused_server_can_be_stopped(log: Path) -> None:
    """A server that was stopped by SIGSTOP still obeys `stop`."""
    server = ServerProcess("sleeper", SLEEP, log)
    server.signal(signal.SIGSTOP)
    until(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
    server.stop(grace=10)
    assert gone(server.pid)


def test_stop_and_kill_may_be_repeated(log: Path) -> None:
    """Stopping what has ended does nothing."""
    server = ServerProcess("sleeper", SLEEP, log)
    server.kill()
    server.stop(grace=1)
    server.kill()
    assert not server.alive


def test_its_output_is_in_the_log(log: Path) -> None:
    """Standard output and standard error both end in the log."""
    server = ServerProcess("talker", ["sh", "-c", "echo out; echo err >&2; exit 3"], log)
    until(lambda: not server.alive)
    assert sorted(tail(log)) == ["err", "out"]


def test_a_command_that_does_not_exist_is_a_server_that_died(log: Path) -> None:
    """What cannot be executed raises ServerDied, which says why."""
    with pytest.raises(ServerDied, match="No such file"):
        ServerProcess("nothing", ["/no/such/program"], log)


@pytest.mark.parametrize("script", ["exec sleep 600", DEAF])
def test_kill_9_of_the_parent_leaves_no_orphan(log: Path, script: str) -> None:
    """When its parent is killed the server ends within five seconds, though it ignores SIGTERM."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, script, log], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    family = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()
    until(lambda: all(gone(process.pid) for process in family), timeout=5)
    assert gone(pid)


def test_kill_9_of_the_guardian_ends_the_server(log: Path) -> None:
    """The server does not outlive its guardian either."""
    server = ServerProcess("sleeper", SLEEP, log)
    psutil.Process(psutil.Process(server.pid).ppid()).kill()
    until(lambda: gone(server.pid), timeout=5)
    assert not server.alive


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    """A log over its limit becomes `<name>.1` when the server starts anew; a small one stays."""
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * LOG_LIMIT)
    roll(log)
    assert log.exists()
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    roll(log)
    assert not log.exists()
    assert log.with_name("server.log.1").stat().st_size == LOG_LIMIT + 1
