"""The end of keys that seal what lies in Kafka's log: none outlives what it has sealed."""

import time
from collections.abc import Callable, Mapping

from chat.privacy.key_store import key_store
from chat.settings import Settings
from chat.storage import command_keys, letter_keys
from chat.storage.sealing_keys import KeptKey, Purpose, SealingKeys
from chat.storage.session import Connection

Over = Callable[[KeptKey, Settings, int], bool]

_OVER: Mapping[Purpose, Over] = {Purpose.COMMANDS: command_keys.over, Purpose.LETTERS: letter_keys.over}


def sealing_keys(connection: Connection, settings: Settings, purpose: Purpose) -> SealingKeys:
    """The keys of a purpose, with the key-encryption keys of `settings`."""
    return SealingKeys(connection, key_store(settings), purpose)


async def destroy_over(connection: Connection, settings: Settings, now: int | None = None) -> list[str]:
    """Destroys every key that is over at `now` (ms; by default the present), and finishes what was broken off.

    The names of those destroyed. Raises as `SealingKeys` does. Any number of processes may run it at once.
    """
    moment = time.time_ns() // 1_000_000 if now is None else now
    destroyed = []
    for purpose, is_over in _OVER.items():
        keys = sealing_keys(connection, settings, purpose)
        for kept in (await keys.load()).known:
            if kept.epoch is not None and is_over(kept, settings, moment):
                await keys.destroy(kept)
                destroyed.append(kept.name)
    return destroyed
