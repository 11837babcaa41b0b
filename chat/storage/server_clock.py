"""What time it is for Cassandra, which is who lets rows expire: a worker's own clock may be an hour off."""

from collections.abc import Callable

from chat.clock import seconds
from chat.storage.session import Connection

RENEW_SECONDS = 60.0
"""Asked again after this time; in between go the seconds that have passed since."""

_NOW = "SELECT toUnixTimestamp(now()) AS millis FROM system.local"


async def server_time(connection: Connection) -> int:
    """What time it is for a node, in ms since 1970: for what all workers keep to. Raises `StorageUnavailable`."""
    rows = await connection.execute(_NOW)
    return int(rows[0].millis)


class ServerClock:
    """The wall clock of the node that was asked last."""

    def __init__(self, connection: Connection, passed: Callable[[], float] = seconds) -> None:
        self._connection = connection
        self._passed = passed
        self._asked = float("-inf")
        self._ahead = 0.0

    async def now(self) -> float:
        """UTC seconds. Raises `StorageUnavailable` where it has to ask and nobody answers."""
        if self._passed() - self._asked > RENEW_SECONDS:
            await self._ask()
        return self._passed() + self._ahead

    async def _ask(self) -> None:
        asked = self._passed()
        millis = await server_time(self._connection)
        self._asked, self._ahead = asked, millis / 1000 - asked
