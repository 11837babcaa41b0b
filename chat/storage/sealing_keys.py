"""Keys for what lies sealed in Kafka's log: those to which producers seal commands, and one a day for dead letters.

Each lies in Cassandra under a key-encryption key of its own, which lies where those of learners' keys do. So its end is
an end in every backup of the tables. One partition a purpose, changed by lightweight transactions only.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from chat.privacy.envelope import bound
from chat.privacy.kek import KeyEncryption
from chat.storage.session import Connection

_COLUMNS = "current, name, epoch, wrapped, public, made_at, retired_at, state"
_READ = f"SELECT {_COLUMNS} FROM sealing_keys WHERE purpose = %s"
_ADD = """INSERT INTO sealing_keys (purpose, name, epoch, wrapped, public, made_at, state)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_ADD_NEW = f"{_ADD} IF NOT EXISTS"
_MOVE_ON = "UPDATE sealing_keys SET current = %s WHERE purpose = %s IF current = %s;"
_RETIRE = "UPDATE sealing_keys SET retired_at = %s WHERE purpose = %s AND name = %s;"
_END = """UPDATE sealing_keys SET state = %s, wrapped = null WHERE purpose = %s AND name = %s IF state = %s"""
_GONE = "UPDATE sealing_keys SET epoch = null WHERE purpose = %s AND name = %s IF state = %s"


class Purpose(StrEnum):
    """What a key seals."""

    COMMANDS = "commands"
    LETTERS = "letters"


class KeyState(IntEnum):
    """Where a key is in its life."""

    THERE = 1
    DESTROYED = 2


class KeptKey(NamedTuple):
    """A key as it is kept; `epoch` is the name of its key-encryption key. Times in UTC milliseconds."""

    name: str
    epoch: str | None
    wrapped: bytes | None
    public: bytes
    made_at: int
    retired_at: int | None
    state: KeyState


class KeptKeys(NamedTuple):
    """Every key of a purpose, and the one that is given out: None where none is."""

    current: KeptKey | None
    known: Sequence[KeptKey]

    def named(self, name: str) -> KeptKey | None:
        """None for one that never was here."""
        return next((one for one in self.known if one.name == name), None)


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """The keys of one purpose. Every method raises `StorageUnavailable`; those that need the key-encryption keys also
    `KeyStoreUnavailable` and `KeyStoreUnfit`.
    """

    connection: Connection
    keys: KeyEncryption
    purpose: Purpose

    async def load(self) -> KeptKeys:
        """As they are now."""
        return await load(self.connection, self.purpose)

    async def unwrap(self, kept: KeptKey) -> bytes | None:
        """The key itself; None where it was destroyed."""
        if kept.wrapped is None or kept.epoch is None:
            return None
        return await self.keys.unwrap(kept.epoch, kept.wrapped, self._bound(kept.name))

    async def add(self, name: str, key: bytes) -> None:
        """Keeps a key under that name, unless somebody was faster."""
        epoch, wrapped = await self._wrap(name, key)
        values = (self.purpose.value, name, epoch, wrapped, b"", _now(), KeyState.THERE)
        answer = await self.connection.execute(_ADD_NEW, values)
        await self._settle(name, epoch, applied=answer[0].applied)

    async def succeed(self, name: str, key: bytes, public: bytes, before: str | None) -> bool:
        """Makes a key the current one and lets the one `before` retire; False where that was not the current one."""
        epoch, wrapped = await self._wrap(name, key)
        now = _now()
        batch = ["BEGIN BATCH", _MOVE_ON, f"{_ADD};"]
        values = [
            name,
            self.purpose.value,
            before,
            self.purpose.value,
            name,
            epoch,
            wrapped,
            public,
            now,
            KeyState.THERE,
        ]
        if before is not None:
            batch.append(_RETIRE)
            values += [now, self.purpose.value, before]
        answer = await self.connection.execute(" ".join((*batch, "APPLY BATCH")), values)
        return await self._settle(name, epoch, applied=answer[0].applied)

    async def destroy(self, kept: KeptKey) -> None:
        """The end of a key. Broken off anywhere, it may be called again, with the row as it is then."""
        # In this order: who finds the row must not wait for a key-encryption key that never comes back.
        ended = (KeyState.DESTROYED, self.purpose.value, kept.name, KeyState.THERE)
        await self.connection.execute(_END, ended)
        if kept.epoch is not None:
            await self.keys.destroy(kept.epoch)
            await self.connection.execute(_GONE, (self.purpose.value, kept.name, KeyState.DESTROYED))

    async def _wrap(self, name: str, key: bytes) -> tuple[str, bytes]:
        epoch = await self.keys.new_epoch(f"{self.purpose}-")
        return epoch, await self.keys.wrap(epoch, key, self._bound(name))

    async def _settle(self, name: str, epoch: str, *, applied: bool) -> bool:
        """Whether the table has the key under that epoch, whose own key is destroyed otherwise.

        `applied` alone does not tell: where an answer is lost, the driver sends the statement again, and the repeat
        finds its own effect in the way.
        """
        if applied:
            return True
        kept = (await self.load()).named(name)
        if kept is not None and kept.epoch == epoch:
            return True
        await self.keys.destroy(epoch)
        return False

    def _bound(self, name: str) -> str:
        return bound("sealing key", self.purpose, name)


async def load(connection: Connection, purpose: Purpose) -> KeptKeys:
    """The keys of a purpose, for who needs no more than their public halves. Raises `StorageUnavailable`."""
    rows = await connection.execute(_READ, (purpose.value,))
    known = [_kept(row) for row in rows if row.name is not None]
    current = rows[0].current if rows else None
    return KeptKeys(next((one for one in known if one.name == current), None), known)


def _kept(row: tuple[object, ...]) -> KeptKey:
    _, name, epoch, wrapped, public, made_at, retired_at, state = row
    return KeptKey(name, epoch, wrapped, bytes(public or b""), made_at, retired_at, KeyState(state))  # type: ignore[arg-type, call-overload]


def _now() -> int:
    return time.time_ns() // 1_000_000
