"""One API process: how it starts, and how it ends."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import SECONDS, Start, api_processes
from tests.keyspace import keyspace
from tests.records import settings_for_tests
from tests.wait import until


@pytest.fixture(scope="module")
def house(servers: Addresses) -> Iterator[Settings]:
    with keyspace(servers) as settings:
        yield settings


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with api_processes(tmp_path) as starting:
        yield starting


def on_port(settings: Settings, port: int) -> Settings:
    return settings_for_tests(**settings.model_dump() | {"api_port": port})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(house: Settings, start: Start, number: signal.Signals) -> None:
    """Status 0, a connection that is kept alive being no hindrance."""
    process = start(on_port(house, free_port()))
    with httpx.Client(base_url=process.address(), timeout=60) as client:
        assert client.get("/health/live").status_code == 200
        until(lambda: client.get("/health/ready").status_code == 200, SECONDS, "readiness")
        process.child.send_signal(number)
        assert process.ended() == 0
    assert process.said("api_stopped")


def test_a_signal_ends_it_while_it_waits_for_cassandra(house: Settings, start: Start) -> None:
    """It need not have begun to be able to end."""
    away = settings_for_tests(**house.model_dump() | {"cassandra_port": free_port(), "api_port": free_port()})
    process = start(away)
    until(lambda: process.said("waiting_for_cassandra"), SECONDS, "the waiting")
    process.child.terminate()
    assert process.ended() == 0


def test_a_port_that_is_taken_is_named(house: Settings, start: Start) -> None:
    """Status 78 and the setting, at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(on_port(house, taken.getsockname()[1]))
        assert process.ended() == 78
    assert "API_PORT" in process.said("api_ended")[0]["reason"]


def test_without_tables_it_says_what_to_do(house: Settings, start: Start) -> None:
    """Status 70 and `chat migrate`, for a keyspace that nobody has migrated."""
    settings = settings_for_tests(
        **on_port(house, free_port()).model_dump() | {"cassandra_keyspace": f"{house.cassandra_keyspace}_none"}
    )
    process = start(settings)
    assert process.ended() == 70
    assert "chat migrate" in process.said("api_ended")[0]["reason"]


async def test_secrets_are_not_in_its_log(house: Settings, start: Start) -> None:
    """Neither the key nor a token that was sent, whatever the answer."""
    process = start(on_port(house, free_port()))
    address = await asyncio.to_thread(process.address)
    headers = {"authorization": "Bearer secret-token"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        assert (await client.get("/api/v1/threads?learner_id=secret-learner")).status_code == 401
    process.child.terminate()
    assert await asyncio.to_thread(process.ended) == 0
    log = process.log.read_text()
    assert "api_stopped" in log
    assert not any(word in log for word in ("secret-token", "secret-learner", house.jwt_secret_key))
