"""Unit tests do no I/O: a socket that is opened fails the test."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_network() -> object:
    disable_socket(allow_unix_socket=True)  # asyncio's own wake-up pair
    yield
    enable_socket()
