"""The version before this one and this one as one service, under load: each joins the other, and takes over from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chat.errors import SchemaMismatch
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.migrate import migrations
from tests import erasure_worker
from tests.api_process import ApiProcess, api_processes
from tests.chat_program import ChatProgram
from tests.clean_house import bare_house, drop_keyspace
from tests.conftest import FIGURES, StartWorker
from tests.fault.previous_version import previous_version
from tests.oracle.run import OracleRun
from tests.oracle.source import Stream
from tests.wait import until
from tests.worker import ROOT, WorkerProcess, environment

PROGRAM = (erasure_worker.PROGRAM,)
RATE = 200


@dataclass
class Versions:
    """A service whose tables and topics the old version made."""

    oracle: OracleRun
    folder: Path
    old: Path
    start_worker: StartWorker
    start_api: Callable[..., ApiProcess]

    def worker(self, source: Path) -> WorkerProcess:
        """One of a version, which is not waited for."""
        return self.start_worker(self.oracle.settings, program=PROGRAM, source=source)

    def api(self, source: Path) -> ApiProcess:
        """One that serves."""
        settings = self.oracle.settings.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
        started = self.start_api(settings, source)
        started.address()
        return started

    def chat(self, source: Path, *arguments: str) -> str:
        """What a version's program prints."""
        return run_chat(self.oracle.settings, self.folder, source, *arguments)


def run_chat(settings: Settings, folder: Path, source: Path, *arguments: str) -> str:
    ended = ChatProgram(folder, environment(settings) | {"PYTHONPATH": str(source)}).run(*arguments)
    assert ended.status == 0, ended.err
    return ended.out


@pytest.fixture
def versions(
    servers: Addresses, seed: int, start_worker: StartWorker, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Versions]:
    old = previous_version(tmp_path / "old")
    settings = bare_house(servers, max_messages_per_thread=30)
    for command in (("migrate",), ("topics", "apply")):
        run_chat(settings, tmp_path, old, *command)
    again = f".venv/bin/pytest '{request.node.nodeid}'"
    with OracleRun(settings, seed, again) as oracle, api_processes(tmp_path) as start_api:
        yield Versions(oracle, tmp_path, old, start_worker, start_api)
    drop_keyspace(settings)


def at_work(oracle: OracleRun) -> None:
    """Returns when whoever is there has applied something of what comes."""
    applied = oracle.progress().applied
    until(lambda: oracle.progress().applied > applied + RATE, 60, "the commands of a second being applied")


def go_on(stream: Stream, seconds: int) -> None:
    """Returns when the stream's commands of so many seconds have come."""
    stream.until(len(stream.source.log) + RATE * seconds)


@pytest.mark.soak
def test_each_version_takes_over_from_the_other(
    versions: Versions, record_property: Callable[[str, object], None]
) -> None:
    """Migrated under the old one's load, then both at work, then each alone on what the other one left."""
    oracle, old, new = versions.oracle, versions.old, ROOT
    before = [versions.worker(old).until_ready() for _ in range(2)]
    apis = [versions.api(old)]
    with oracle.stream(RATE) as stream:
        go_on(stream, 3)
        oracle.ask()
        assert migrations()[-1].name in versions.chat(new, "migrate")
        go_on(stream, 3)
        joining = versions.worker(new).until_ready()
        apis.append(versions.api(new))
        oracle.ask()
        go_on(stream, 4)
        before.pop().kill()  # the new one goes on with what the old one held
        oracle.ask()
        go_on(stream, 15)
        joining.kill()  # and the old one with the new one's
        go_on(stream, 15)
        at_work(oracle)
        after = [versions.worker(new).until_ready() for _ in range(2)]
        assert before.pop().stop() == 0
        at_work(oracle)
        late = versions.worker(old)
        if migrations()[-1].oldest_program <= len(migrations(old / "cassandra" / "migrations")):
            after.append(late.until_ready())
            said = "works"
        else:
            assert late.exit_status() == SchemaMismatch.exit_code
            said = f"ends: {late.said('worker_ended')[-1]['reason']}"
        oracle.ask()
        go_on(stream, 3)
    oracle.settle(180)
    expected = oracle.verify(overlapping=True, read_again=True)
    assert [one.child.poll() for one in apis] == [None, None]
    assert [one.stop() for one in after] == [0] * len(after)
    record_property(FIGURES, f"{len(expected)} commands; an old worker that joins after the migration {said}")
