"""What ids of a schema registry mean: asked of it, and kept for as long as a record may be judged by them again.

A registry may forget an id, or learn one that it did not know when a record named it. Neither changes a verdict: what
an id means is kept before the first record is judged by it, and until what broker time nobody knew it. So it is kept
when the first worker was given a registry: what came into the log before was judged without one.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chat.errors import BadSetting, RegistryMadeAnew, RegistryUnavailable
from chat.storage.server_clock import server_time
from chat.storage.session import Connection
from schemas.confluent import NONE_OF_OURS

HELD_SECONDS = 10.0
"""How long an id is used without asking the registry whether it means the same still."""

MAX_HELD = 1_000
UNKNOWN_SECONDS = 62 * 86_400
"""Longer than any record stays in a command topic."""

_BEGINNING = 0
"""No registry gives this id: its row says until when nobody read any."""

_ANY = "SELECT id FROM schema_ids LIMIT 1"
_ALL = "SELECT id FROM schema_ids"
_FORGET = "DELETE FROM schema_ids WHERE id = %s IF EXISTS"
_READ = "SELECT fingerprint, unknown_until FROM schema_ids WHERE id = %s"
_ADD = "INSERT INTO schema_ids (id, fingerprint, unknown_until) VALUES (%s, %s, %s) IF NOT EXISTS USING TTL %s"
_CHANGE = """UPDATE schema_ids USING TTL %s SET fingerprint = %s, unknown_until = %s WHERE id = %s
    IF fingerprint = %s AND unknown_until = %s"""


class Kept(NamedTuple):
    """What is known of an id: its schema's fingerprint, no bytes while the registry has none; and the latest broker
    time (ms) of a record that was judged when it had none, 0 for none.
    """

    fingerprint: bytes = b""
    unknown_until: int = 0

    def at(self, time: int) -> bytes | None:
        """The fingerprint for a record of that broker time (ms); None where the id was not known."""
        return self.fingerprint if self.fingerprint and time > self.unknown_until else None

    def settles(self, time: int) -> bool:
        """Whether nothing that the registry says can change what a record of that time means."""
        return bool(self.fingerprint) or time <= self.unknown_until


class Registry(Protocol):
    """As `chat.schema_registry.SchemaRegistry`."""

    async def fingerprint(self, schema_id: int) -> bytes | None:
        """None where it knows no such id. Raises `RegistryUnavailable`."""
        ...


class Rows(Protocol):
    """Where it is kept."""

    async def now(self) -> int:
        """The time, in ms since 1970, by the clock of all workers. Raises `StorageUnavailable`."""
        ...

    async def read(self, schema_id: int) -> Kept | None:
        """None where nobody asked for the id yet. Raises `StorageUnavailable`."""
        ...

    async def change(self, schema_id: int, before: Kept | None, after: Kept) -> bool:
        """False where something else than `before` is there by now. Raises `StorageUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class SchemaIdRows:
    """The table `schema_ids`. Every method raises `StorageUnavailable`."""

    connection: Connection

    async def now(self) -> int:
        return await server_time(self.connection)

    async def read(self, schema_id: int) -> Kept | None:
        rows = await self.connection.execute(_READ, (schema_id,))
        return Kept(bytes(rows[0].fingerprint), rows[0].unknown_until) if rows else None

    async def change(self, schema_id: int, before: Kept | None, after: Kept) -> bool:
        seconds = 0 if after.fingerprint else UNKNOWN_SECONDS
        if before is None:
            answer = await self.connection.execute(_ADD, (schema_id, *after, seconds))
        else:
            answer = await self.connection.execute(_CHANGE, (seconds, *after, schema_id, *before))
        return bool(answer[0].applied)

    async def require_none(self) -> None:
        """Raises `BadSetting` where ids were ever used: without a registry, commands would be judged otherwise."""
        if await self.connection.execute(_ANY):
            raise BadSetting("SCHEMA_REGISTRY_URL: must be set, for commands were read by its ids; or see forget-ids")

    async def forget(self) -> int:
        """Forgets every id, and that there was a registry: the operator's decision. How many ids there were."""
        known = [row.id for row in await self.connection.execute(_ALL)]
        for schema_id in known:
            await self.connection.execute(_FORGET, (schema_id,))
        return len(set(known) - {_BEGINNING})


async def beginning(rows: Rows) -> int:
    """Until when (broker time, ms) no worker had a registry; now, for the first one. Raises `StorageUnavailable`."""
    while (kept := await rows.read(_BEGINNING)) is None:
        await rows.change(_BEGINNING, None, Kept(NONE_OF_OURS, await rows.now()))
    return kept.unknown_until


@dataclass(slots=True)
class SchemaIds:
    """The ids that this process knows."""

    registry: Registry
    rows: Rows
    _held: dict[int, tuple[Kept, float]] = field(default_factory=dict)

    async def find(self, times: Mapping[int, int]) -> Mapping[int, Kept]:
        """What is known of each id, for records as late as the broker time (ms) beside it.

        Raises `RegistryUnavailable` while the registry does not tell what an id means that this process does not know,
        `StorageUnavailable`, and `RegistryMadeAnew`; after the first two it may be called again.
        """
        return {schema_id: await self._known(schema_id, time) for schema_id, time in times.items()}

    async def _known(self, schema_id: int, at: int) -> Kept:
        held, until = self._held.get(schema_id, (Kept(), 0.0))
        if held.settles(at) and time.monotonic() < until:
            return held
        try:
            return self._hold(schema_id, await self._learned(schema_id, at))
        except RegistryUnavailable:
            if not held.settles(at):
                raise
            return self._hold(schema_id, held)  # while it is away, it gives no id to anything else

    def _hold(self, schema_id: int, kept: Kept) -> Kept:
        if len(self._held) >= MAX_HELD:
            self._held.clear()
        self._held[schema_id] = kept, time.monotonic() + HELD_SECONDS
        return kept

    async def _learned(self, schema_id: int, at: int) -> Kept:
        told = await self.registry.fingerprint(schema_id)
        while True:
            before = await self.rows.read(schema_id)
            after = _agreed(schema_id, before or Kept(), told, at)
            if after == before or await self.rows.change(schema_id, before, after):
                return after


def _agreed(schema_id: int, before: Kept, told: bytes | None, at: int) -> Kept:
    """What is known of an id once the registry has told; what was known before goes first."""
    if before.fingerprint:
        if told not in (None, before.fingerprint):
            raise RegistryMadeAnew(f"the schema registry gives the id {schema_id} to another schema than before")
        return before
    if told is None:
        return Kept(unknown_until=max(before.unknown_until, at))
    return Kept(told, before.unknown_until)
