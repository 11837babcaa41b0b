"""The epochs of key-encryption keys, as the keyspace remembers them: one partition, changed by lightweight
transactions only.
"""

import time
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Self

from chat.errors import KeyStoreUnfit
from chat.storage.session import Connection

_NAME = "kek"
_READ = "SELECT current, epoch, check_value, state FROM key_epochs WHERE name = %s"
_CURRENT = "SELECT DISTINCT current FROM key_epochs WHERE name = %s"
_MOVE_ON = "UPDATE key_epochs SET current = %s WHERE name = %s IF current = %s;"
_ADD = "INSERT INTO key_epochs (name, epoch, check_value, state, opened_at) VALUES (%s, %s, %s, %s, %s);"
_TURN = "UPDATE key_epochs SET state = %s WHERE name = %s AND epoch = %s;"
_END = "UPDATE key_epochs SET state = %s WHERE name = %s AND epoch = %s IF state = %s"


class EpochState(IntEnum):
    """Where an epoch is in its life."""

    IN_USE = 1
    RETIRING = 2
    DESTROYED = 3


class Epoch(NamedTuple):
    """An epoch; `check_value` is what only its key opens."""

    name: str
    check_value: bytes
    state: EpochState


class Epochs(NamedTuple):
    """Every epoch ever, and the name of the one that wraps: None before the first."""

    current: str | None
    known: Sequence[Epoch]

    @classmethod
    async def load(cls, connection: Connection) -> Self:
        """As they are now. Raises `StorageUnavailable`."""
        rows = await connection.execute(_READ, (_NAME,))
        current = rows[0].current if rows else None
        return cls(current, [Epoch(row.epoch, row.check_value, EpochState(row.state)) for row in rows])

    @property
    def readable(self) -> list[Epoch]:
        """Those whose keys must be there."""
        return [one for one in self.known if one.state is not EpochState.DESTROYED]

    def state_of(self, name: str) -> EpochState | None:
        """None for an epoch that nobody ever opened here."""
        return next((one.state for one in self.known if one.name == name), None)


async def current_epoch(connection: Connection) -> str | None:
    """The name of the epoch that wraps now. Raises `StorageUnavailable`."""
    rows = await connection.execute(_CURRENT, (_NAME,))
    return rows[0].current if rows else None


async def require_current(connection: Connection) -> str:
    """As `current_epoch`. Raises `KeyStoreUnfit` where there never was one."""
    epoch = await current_epoch(connection)
    if epoch is None:
        raise KeyStoreUnfit("no epoch of key-encryption keys was ever opened here: run `chat migrate`")
    return epoch


async def open_epoch(connection: Connection, name: str, check_value: bytes, before: str | None) -> bool:
    """Makes an epoch the one that wraps and lets the one `before` retire; False where that was not the current one.

    Where an answer is lost, the driver sends the batch again, and the repeat finds its own effect in the way. So only
    an epoch that the table does not know was not opened.
    """
    now = time.time_ns() // 1_000_000
    batch = ["BEGIN BATCH", _MOVE_ON, _ADD]
    values = [name, _NAME, before, _NAME, name, check_value, EpochState.IN_USE, now]
    if before is not None:
        batch.append(_TURN)
        values += [EpochState.RETIRING, _NAME, before]
    answer = await connection.execute(" ".join((*batch, "APPLY BATCH")), values)
    return bool(answer[0].applied) or (await Epochs.load(connection)).state_of(name) is not None


async def note_destroyed(connection: Connection, name: str) -> None:
    """Notes that the key of a retiring epoch is no more. Raises `StorageUnavailable`."""
    await connection.execute(_END, (EpochState.DESTROYED, _NAME, name, EpochState.RETIRING))
