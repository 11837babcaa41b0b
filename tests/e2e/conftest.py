"""The real worker and the real API, as processes, and a client that knows only the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import serves
from tests.e2e.client import ContractClient
from tests.wait import until
from tests.worker import WorkerProcess


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def worker(fresh: Settings, folder: Path) -> Iterator[WorkerProcess]:
    settings = fresh.model_copy(update={"event_format": "json"})
    process = WorkerProcess(settings, folder, program=("chat.cli.main", "worker")).start()
    yield process.until_ready()
    assert process.stop() == 0


@pytest.fixture(scope="module")
def api(fresh: Settings, folder: Path) -> Iterator[str]:
    port = free_port()
    settings = fresh.model_copy(update={"api_port": port, "enable_rate_limiting": False})
    process = WorkerProcess(settings, folder, "api", program=("chat.cli.main", "api")).start()
    base_url = f"http://127.0.0.1:{port}"
    until(lambda: serves(base_url), what="the API being ready")
    yield base_url
    assert process.stop() == 0


@pytest.fixture(scope="module")
def client(fresh: Settings) -> ContractClient:
    return ContractClient(fresh.kafka_bootstrap_servers[0], fresh.jwt_secret_key)
