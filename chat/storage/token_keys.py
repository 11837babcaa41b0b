"""The ring of token keys that all workers share: one partition, changed by lightweight transactions only."""

from chat.keyring import HeldKey, Keyring
from chat.storage.server_clock import server_time
from chat.storage.session import Connection

_NAME = "jwks"
_READ = """SELECT jwk, to_unix_timestamp(since), to_unix_timestamp(until), to_unix_timestamp(settled), version
    FROM token_keys WHERE name = %s"""
_MOVE_ON = "UPDATE token_keys SET settled = %s, version = %s WHERE name = %s IF version = %s;"
_HOLD = "INSERT INTO token_keys (name, jwk, since, until) VALUES (%s, %s, %s, %s);"


class SharedKeyring:
    """The `Keyrings` in Cassandra."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self) -> Keyring:
        return await load(self._connection)

    async def now(self) -> int:
        return await server_time(self._connection)

    async def swap(self, before: Keyring, after: Keyring) -> bool:
        changed = [one for one in after.keys if one not in before.keys]
        batch = " ".join(("BEGIN BATCH", _MOVE_ON, *[_HOLD] * len(changed), "APPLY BATCH"))
        move = (after.settled, after.version, _NAME, before.version or None)
        rows = [value for one in changed for value in (_NAME, *one)]
        answer = await self._connection.execute(batch, (*move, *rows))
        return bool(answer[0].applied)


async def load(connection: Connection) -> Keyring:
    """The ring as it is kept. Raises `StorageUnavailable`."""
    rows = await connection.execute(_READ, (_NAME,))
    keys = tuple(HeldKey(jwk, since, until) for jwk, since, until, *_ in rows if jwk is not None)
    *_, settled, version = rows[0] if rows else (0, 0)
    return Keyring(keys, settled, version)
