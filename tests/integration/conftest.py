"""Servers whose files belong to one module's tests."""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from chat.servers.embedded import EmbeddedServers
from chat.servers.free_port import free_port
from tests.node_tool import listening
from tests.servers import embedded_servers

HASTY = {
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "500",
    "log.cleaner.backoff.ms": "500",
}
"""A broker that comes by soon: what takes days is to be seen in seconds."""


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
