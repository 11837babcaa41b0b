"""Sealed records → what their producers sealed, framed ones → our own framing; all others as they are."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from chat.errors import SealBroken
from chat.privacy.sealed_command import is_sealed, key_id_of
from chat.storage.command_keys import Opener
from streams.framing import Framing
from streams.records import Closed, Opened, Record
from streams.waiting import Waiting

Find = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Opener]]]
"""The keys of these ids that were ever here. Raises `StorageUnavailable` and `KeyStoreUnavailable`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Waits for the keys that a trip's records need. A server that is away is no outcome.

    Without a schema registry there is no `framing` to take off.
    """

    find: Find
    waiting: Waiting
    framing: Framing | None = None

    async def open(self, records: Sequence[Record]) -> list[Opened]:
        """The value of each record, in their order."""
        values = await self._unsealed(records)
        return values if self.framing is None else await self.framing.take_off(records, values)

    async def _unsealed(self, records: Sequence[Record]) -> list[Opened]:
        ids = {key_id_of(record.value) for record in records if is_sealed(record.value)}
        if not ids:
            return [record.value for record in records]
        keys = await self.waiting.until_served(lambda: self.find(ids))
        return [_opened(record, keys) if is_sealed(record.value) else record.value for record in records]


def _opened(record: Record, keys: Mapping[bytes, Opener]) -> Opened:
    opener = keys.get(key_id_of(record.value))
    if opener is None:
        return Closed("the command is sealed to a key that this service never had")
    if opener.until is not None and record.timestamp > opener.until:
        return Closed("the command is sealed to a key that was replaced too long before")
    if opener.key is None:
        return Closed("the command is sealed to a key that was destroyed")
    try:
        return opener.key.open(record.value, record.topic, record.key)
    except SealBroken as error:
        return Closed(str(error))
