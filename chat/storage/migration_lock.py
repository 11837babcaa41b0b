"""The lock that lets one `chat migrate` run at a time: a row taken and kept by lightweight transactions.

It expires by itself when its owner is gone, and its owner renews it while a long statement runs.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from types import TracebackType
from typing import Self

import structlog

from chat.clock import seconds
from chat.errors import StorageUnavailable
from chat.storage.session import Connection

log = structlog.get_logger(__name__)

TTL = 30
"""Seconds after which the lock of an owner that is gone is free."""

_NAME = "migrate"
_TAKE = "INSERT INTO schema_lock (name, owner) VALUES (%s, %s) IF NOT EXISTS USING TTL %s"
_RENEW = "UPDATE schema_lock USING TTL %s SET owner = %s WHERE name = %s IF owner = %s"
_FREE = "DELETE FROM schema_lock WHERE name = %s IF owner = %s"


class MigrationLock:
    """An async context manager: waits for the lock, keeps it, frees it. Raises `StorageUnavailable`.

    `until` is the time, by `chat.clock`, up to which the lock is surely ours.
    """

    def __init__(self, connection: Connection) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._connection = connection
        self.until = 0.0
        self._renewal: asyncio.Task[None] | None = None

    def require(self) -> None:
        """Raises `StorageUnavailable` where the lock may be somebody else's by now."""
        if seconds() >= self.until:
            raise StorageUnavailable("the migrations' lock was lost, for it could not be renewed in time: run it again")

    async def __aenter__(self) -> Self:
        said = None
        while (holder := await self._take()) is not None:
            if holder != said:
                log.info("waiting for another migration", owner=holder)
                said = holder
            await asyncio.sleep(0.5)
        self._renewal = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        with contextlib.suppress(StorageUnavailable):  # it expires anyway
            await self._connection.execute(_FREE, (_NAME, self.owner))

    async def _take(self) -> str | None:
        """None where the lock is ours now, else who has it."""
        asked = seconds()
        answer = (await self._connection.execute(_TAKE, (_NAME, self.owner, TTL)))[0]
        if not answer.applied and answer.owner != self.owner:
            return str(answer.owner)
        self.until = asked + TTL
        return None

    async def _renew(self) -> None:
        """Until cancelled, or until the lock is somebody else's: `require` tells the owner."""
        while seconds() < self.until:
            await asyncio.sleep(TTL / 6)
            asked = seconds()
            with contextlib.suppress(StorageUnavailable):  # asked again while there is time
                answer = (await self._connection.execute(_RENEW, (TTL, self.owner, _NAME, self.owner)))[0]
                self.until = asked + TTL if answer.applied else 0.0
