"""The end of an epoch of key-encryption keys: a new one, every living key wrapped anew, the old one destroyed.

Safe to break off at any point and to run again: what is done is found done. The service goes on meanwhile; what it
makes while an epoch ends it wraps under the new one (see `chat.storage.learner_keys`), so that one pass finds all.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from chat.errors import KeyStoreUnfit
from chat.privacy.kek import check_value
from chat.storage.key_epochs import Epochs, EpochState, note_destroyed, open_epoch
from chat.storage.learner_keys import KeyTools

AT_ONCE = 32
"""Keys wrapped side by side: each is a lightweight transaction."""


class Rotated(NamedTuple):
    """The current epoch, how many keys of learners and of bundles were wrapped anew, and the epochs destroyed."""

    epoch: str
    rewrapped: int
    bundles: int
    destroyed: list[str]


async def rotate(tools: KeyTools, rewrap_bundles: Callable[[], Awaitable[int]]) -> Rotated:
    """Finishes a rotation that was broken off; where there is none, does a whole one.

    `rewrap_bundles` wraps every export bundle's key anew under the current epoch, and says how many it were.

    Raises `KeyStoreUnfit`, `KeyStoreUnavailable`, `StorageUnavailable` and `BundleStoreUnavailable`; after the last
    three it may be run again. No epoch ends before all that it wrapped is wrapped anew.
    """
    if not await _ending(tools, await Epochs.load(tools.connection)):
        await _begin(tools)
    epochs = await Epochs.load(tools.connection)
    rewrapped, bundles, ending = await _rewrap(tools, epochs), await rewrap_bundles(), await _ending(tools, epochs)
    for epoch in ending:
        # In this order: a key that must be there and is not would keep everybody from starting.
        await note_destroyed(tools.connection, epoch)
        await tools.keys.destroy(epoch)
    return Rotated(str(epochs.current), rewrapped, bundles, ending)


async def _begin(tools: KeyTools) -> None:
    before = await tools.current()
    epoch = await tools.keys.new_epoch()
    if not await open_epoch(tools.connection, epoch, await check_value(tools.keys, epoch), before):
        await tools.keys.destroy(epoch)
        raise KeyStoreUnfit("somebody else ends this epoch at the same time: run it again when they are done")


async def _rewrap(tools: KeyTools, epochs: Epochs) -> int:
    """Wraps every key of a retiring epoch under the current one; how many."""
    epoch, count = str(epochs.current), 0
    old = {one.name for one in epochs.known if one.state is EpochState.RETIRING}
    async for page in tools.lives.every():
        behind = [(whose, kept.key) for whose, kept in page if kept.key is not None and kept.key.epoch in old]
        for start in range(0, len(behind), AT_ONCE):
            some = behind[start : start + AT_ONCE]
            count += sum(await asyncio.gather(*(tools.rewrap(*one, epoch) for one in some)))
    return count


async def _ending(tools: KeyTools, epochs: Epochs) -> list[str]:
    """Epochs that are over and whose key is not yet gone."""
    over = [one for one in epochs.known if one.state is not EpochState.IN_USE]
    return [one.name for one in over if one.state is EpochState.RETIRING or await tools.keys.has(one.name)]
