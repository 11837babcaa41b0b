"""Servers that a test may stop: away from those of the other tests."""

from collections.abc import Iterator

import pytest

from chat.settings import Settings
from tests.clean_house import clean_house, drop_keyspace
from tests.fault.linked_servers import LinkedServers, linked_servers
from tests.oracle.run import OracleRun


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers go at their own pace: coverage would halve it, and what is promised here is promised in seconds."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(scope="session")
def own_servers() -> Iterator[LinkedServers]:
    """A pair for all fault tests; whoever stops a server starts it again."""
    with linked_servers() as servers:
        yield servers


@pytest.fixture
def house(own_servers: LinkedServers) -> Iterator[Settings]:
    """Settings of a house where nothing has happened yet."""
    settings = clean_house(own_servers.addresses, max_messages_per_thread=30)
    yield settings
    drop_keyspace(settings)


@pytest.fixture
def oracle(house: Settings, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    """Watches from now on."""
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run
