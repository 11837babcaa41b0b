"""A server that is away is no outcome: wait, say so, go on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import structlog

from chat.errors import (
    BrokerUnavailable,
    BundleStoreFull,
    BundleStoreRefused,
    BundleStoreUnavailable,
    KeyStoreUnavailable,
    KeysUnavailable,
    LedgerUnavailable,
    RegistryRefused,
    RegistryUnavailable,
    StorageUnavailable,
    Transient,
)
from chat.metrics import WAITING

T = TypeVar("T")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
SAID_AGAIN = 30.0
"""Seconds from one line of the log that says why it waits to the next."""

_log = structlog.get_logger()


class Waiting:
    """Which servers this process waits for; health and metrics ask it."""

    def __init__(self) -> None:
        self._waiters: dict[str, int] = {}
        for server in _SERVERS.values():
            self._change(server, 0)

    def away(self) -> list[str]:
        """The servers that somebody waits for now."""
        return sorted(name for name, count in self._waiters.items() if count)

    async def until_served(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call`, tried again after every `Transient`. Anything else it raises is raised."""
        try:
            return await call()
        except Transient as error:
            server, reason = server_of(error), str(error)
        with self._away(server, reason):
            return await self._again(call, server)

    async def until_done(self, future: asyncio.Future[T], server: str) -> T:
        """The result of something that goes on by itself, such as a send; says so where it takes long."""
        done, _ = await asyncio.wait({future}, timeout=LONGEST_PAUSE)
        if not done:
            with self._away(server, "no answer yet"):
                await asyncio.wait({future})
        return future.result()

    @contextmanager
    def _away(self, server: str, reason: str) -> Iterator[None]:
        """While the block runs, a server is waited for; says when that begins and how long it took."""
        _log.warning("waiting_for_server", server=server, reason=reason)
        started = time.monotonic()
        self._change(server, +1)
        try:
            yield
        finally:
            self._change(server, -1)
            _log.info("waited_for_server", server=server, duration_ms=round((time.monotonic() - started) * 1000))

    async def _again(self, call: Callable[[], Awaitable[T]], server: str) -> T:
        pause, said = FIRST_PAUSE, time.monotonic()
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                return await call()
            except Transient as error:
                if time.monotonic() - said >= SAID_AGAIN:
                    said = time.monotonic()
                    _log.warning("still_waiting", server=server, reason=str(error))

    def _change(self, server: str, by: int) -> None:
        self._waiters[server] = self._waiters.get(server, 0) + by
        WAITING.labels(server).set(self._waiters[server])


# The first that fits: a kind stands before what it is a kind of.
_SERVERS: Mapping[type[Transient], str] = {
    StorageUnavailable: "cassandra",
    BrokerUnavailable: "kafka",
    KeysUnavailable: "jwks",
    KeyStoreUnavailable: "keys",
    RegistryRefused: "schema_registry_refused",
    RegistryUnavailable: "schema_registry",
    BundleStoreRefused: "exports_refused",
    BundleStoreFull: "exports_full",
    BundleStoreUnavailable: "exports",
    LedgerUnavailable: "ledger",
}


def server_of(error: Transient) -> str:
    """The name of the server that is away, with what is the matter where somebody has to mend it."""
    return next((name for kind, name in _SERVERS.items() if isinstance(error, kind)), "kafka")
