"""What wraps the keys of export bundles: the epoch that the keyspace says is the current one."""

from collections.abc import Callable

from chat.privacy.export.epoch_wrap import EpochWrap
from chat.privacy.kek import KeyEncryption
from chat.storage.key_epochs import Epochs, EpochState, require_current
from chat.storage.session import Connection


def bundle_wrap(keys: KeyEncryption, connected: Callable[[], Connection]) -> EpochWrap:
    """`connected` gives the connection once there is one, and raises `StorageUnavailable` until then.

    Every method raises `KeyStoreUnavailable`, `KeyStoreUnfit` and `StorageUnavailable`.
    """

    async def current() -> str:
        return await require_current(connected())

    async def is_over(epoch: str) -> bool:
        return (await Epochs.load(connected())).state_of(epoch) is EpochState.DESTROYED

    return EpochWrap(keys, current, is_over)
