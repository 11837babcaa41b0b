"""A request to Cassandra of which nothing is ever heard."""

from typing import Any, Self

import pytest

from chat.errors import StorageUnavailable
from chat.storage import session
from chat.storage.session import Connection


class SilentSession:
    """Takes requests, and its timers never come: as the driver's, where the wall clock was put back."""

    def execute_async(self, *_asked: Any, **_options: Any) -> Self:
        return self

    def add_callbacks(self, *_callbacks: Any) -> None:
        """Calls none."""


async def test_a_request_is_given_up_whatever_the_wall_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the seconds that pass; then it is a server that does not answer, and is asked again."""
    monkeypatch.setattr(session, "LOST_AFTER", 0.05)
    connection = Connection(None, SilentSession(), "keyspace")
    with pytest.raises(StorageUnavailable):
        await connection.execute("SELECT key FROM system.local")
