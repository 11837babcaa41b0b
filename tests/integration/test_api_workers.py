"""API processes that share an address: they answer as one, and end as one."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import SECONDS, ApiProcess, Start, api_processes
from tests.keyspace import keyspace
from tests.records import settings_for_tests
from tests.wait import until

WORKERS = 2
REQUESTS = 40


@pytest.fixture(scope="module")
def house(servers: Addresses) -> Iterator[Settings]:
    with keyspace(servers) as settings:
        yield settings


@pytest.fixture
def family(house: Settings, tmp_path: Path) -> Iterator[ApiProcess]:
    with api_processes(tmp_path) as start:
        yield serving(start, house)


def serving(start: Start, house: Settings) -> ApiProcess:
    changed = {"api_port": free_port(), "api_workers": WORKERS, "enable_rate_limiting": False}
    process = start(settings_for_tests(**house.model_dump() | changed))
    until(lambda: len(process.said("api_serves")) == WORKERS, SECONDS, "both")
    return process


def children(family: ApiProcess) -> list[psutil.Process]:
    return psutil.Process(family.child.pid).children()


def ask(address: str, path: str) -> httpx.Response:
    """On a connection of its own, which any of them may take."""
    return httpx.get(f"{address}{path}", timeout=SECONDS)


def counted(address: str) -> int:
    """Requests for `/`, by what the metrics say."""
    shown = ask(address, "/metrics").text
    found = re.search(r'chat_http_request_seconds_count\{method="GET",route="/",status="200"\} ([0-9.]+)', shown)
    return int(float(found[1])) if found else 0


def test_they_answer_count_and_end_as_one(family: ApiProcess) -> None:
    """Whoever shows the metrics shows those of all, and of this side alone; one that is killed is started again."""
    address, killed = family.address(), children(family)[0]
    for _ in range(REQUESTS):
        assert ask(address, "/").status_code == 200
    assert counted(address) == REQUESTS
    assert "chat_rebalances_total" not in ask(address, "/metrics").text
    killed.kill()
    until(lambda: len(family.said("api_serves")) == WORKERS + 1, SECONDS, "another")
    assert family.said("api_process_killed") != []
    assert ask(address, "/").status_code == 200
    assert counted(address) == REQUESTS + 1
    family.child.send_signal(signal.SIGTERM)
    assert family.ended() == 0
    assert len(family.said("api_stopped")) == WORKERS


def test_they_end_with_their_parent(family: ApiProcess) -> None:
    """Even where it can tell them nothing any more: the address is free again."""
    orphans = children(family)
    os.kill(family.child.pid, signal.SIGKILL)
    assert family.ended() == -signal.SIGKILL
    assert not psutil.wait_procs(orphans, timeout=SECONDS)[1]


def test_what_ends_one_ends_all(house: Settings, tmp_path: Path) -> None:
    """With its status and its reason: a keyspace that nobody has migrated, a port that is taken."""
    unmigrated = {"cassandra_keyspace": f"{house.cassandra_keyspace}_none", "api_port": free_port()}
    with api_processes(tmp_path) as start, socket.create_server(("127.0.0.1", 0)) as taken:
        for changed, status in ((unmigrated, 70), ({"api_port": taken.getsockname()[1]}, 78)):
            process = start(settings_for_tests(**house.model_dump() | changed | {"api_workers": WORKERS}))
            assert process.ended() == status
            assert process.said("api_ended")
