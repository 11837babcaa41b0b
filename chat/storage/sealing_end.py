"""The end of keys that seal what lies in Kafka's log: none outlives what it has sealed."""

import time
from collections.abc import Callable, Mapping

import structlog

from chat.errors import KeyStoreReadOnly
from chat.privacy.key_store import key_store
from chat.settings import Settings
from chat.storage import command_keys, letter_keys
from chat.storage.sealing_keys import KeptKey, Purpose, SealingKeys
from chat.storage.session import Connection

Over = Callable[[KeptKey, Settings, int], bool]

_log = structlog.get_logger()
_OVER: Mapping[Purpose, Over] = {Purpose.COMMANDS: command_keys.over, Purpose.LETTERS: letter_keys.over}


def sealing_keys(connection: Connection, settings: Settings, purpose: Purpose) -> SealingKeys:
    """The keys of a purpose, with the key-encryption keys of `settings`."""
    return SealingKeys(connection, key_store(settings), purpose)


async def destroy_over(connection: Connection, settings: Settings, now: int | None = None) -> list[str]:
    """Destroys every key that is over at `now` (ms; by default the present), and finishes what was broken off.

    The names of those destroyed; one whose file cannot be changed here is not among them. Raises as `SealingKeys` does.
    Any number of processes may run it at once.
    """
    moment = time.time_ns() // 1_000_000 if now is None else now
    destroyed = []
    for purpose, is_over in _OVER.items():
        keys = sealing_keys(connection, settings, purpose)
        over = [one for one in (await keys.load()).known if one.epoch is not None and is_over(one, settings, moment)]
        destroyed += [one.name for one in over if await _destroy(keys, one)]
    return destroyed


async def _destroy(keys: SealingKeys, kept: KeptKey) -> bool:
    """False where the file of the key that wrapped it has to be taken away by an operator, who is told so each time."""
    try:
        await keys.destroy(kept)
    except KeyStoreReadOnly as error:
        _log.warning("key_file_stays", file=f"{kept.epoch}.key", reason=str(error))
        return False
    return True
