"""Servers for a session, a clean house for a module, and worker processes for a test."""

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import hypothesis
import pytest
import structlog

from chat.servers import free_port
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage import session
from chat.storage.session import Connection
from tests.clean_house import clean_house, drop_keyspace
from tests.keyspace import keyspace
from tests.servers import running_servers
from tests.worker import ROOT, WorkerProcess

StartWorker = Callable[..., WorkerProcess]
FIGURES = "figures"
"""The property of a test whose text is shown at the end of the run."""

RANDOM = os.environ.get("ORACLE_SEED") == "random"
"""Whether a run draws what no run before it has drawn, as `make soak` does."""

hypothesis.settings.register_profile(
    "tests",
    deadline=None,  # a machine that stands still is no fault of what is tested
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=not RANDOM,
)
hypothesis.settings.load_profile("tests")


def pytest_configure() -> None:
    """Processes that run tests side by side have a share of the ports each, so that they never meet on one."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    free_port.CANDIDATES = free_port.CANDIDATES[number::processes]


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """A Cassandra that stands still for seconds is waited for here: nobody goes on where the test process gives up.

    Workers and APIs are processes of their own, and keep the service's time-outs.
    """
    with patch.multiple(session, REQUEST_TIMEOUT=60.0, LOST_AFTER=65.0, CONNECT_SECONDS=60, SILENCE_SECONDS=60):
        yield


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A test that configures the logs does so for itself alone."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def servers() -> Iterator[Addresses]:
    """Kafka and Cassandra, started with the first test that needs them."""
    with running_servers() as addresses:
        yield addresses


@pytest.fixture(scope="module")
def migrated(servers: Addresses) -> Iterator[Settings]:
    """A keyspace with all of our tables."""
    with keyspace(servers) as settings:
        yield settings


@pytest.fixture
async def connection(migrated: Settings) -> AsyncIterator[Connection]:
    """To that keyspace."""
    opened = await Connection.open(migrated)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def fresh(servers: Addresses) -> Iterator[Settings]:
    """Settings of a keyspace, a consumer group and topics in which nothing has happened yet."""
    settings = clean_house(servers)
    yield settings
    drop_keyspace(settings)


@pytest.fixture
def start_worker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartWorker]:
    """Starts workers, which end with the test; what they logged is shown where it fails."""
    with _workers(tmp_path) as (start, started):
        yield start
    for worker in started:
        request.node.add_report_section("teardown", worker.name, worker.tail())


@pytest.fixture(scope="module")
def start_resident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Starts workers that end with the module."""
    with _workers(tmp_path_factory.mktemp("resident")) as (start, _):
        yield start


@contextmanager
def _workers(folder: Path) -> Iterator[tuple[StartWorker, list[WorkerProcess]]]:
    started: list[WorkerProcess] = []

    def start(settings: Settings, *, program: tuple[str, ...] = (), source: Path = ROOT) -> WorkerProcess:
        worker = WorkerProcess(settings, folder, f"worker-{len(started) + 1}", program, source)
        started.append(worker)
        return worker.start()

    yield start, started
    for worker in started:
        worker.end()


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of a run: ORACLE_SEED where another is wanted (`random`: a new one), else always the same."""
    return random.SystemRandom().randrange(10**6) if RANDOM else int(os.environ.get("ORACLE_SEED", "20260115"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows the figures that tests have recorded, whether they passed or not."""
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, value in report.user_properties:
            if name == FIGURES:
                terminalreporter.write_line(f"\n{report.nodeid}\n{value}")
