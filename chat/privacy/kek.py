"""Key-encryption keys: each wraps the data keys of one epoch, and is kept outside Cassandra.

Whoever has a backup of the wrapped keys alone can open nothing, and nothing at all once the epoch's key is destroyed.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Protocol

from chat.errors import KeyStoreUnfit

_CHECKED = b"aivo-chat: this opens, so the key is the one that this keyspace was begun with"
_CHECK = "check"


class KeyEncryption(Protocol):
    """Where the key-encryption keys are. `bound` is authenticated with what is wrapped, not hidden.

    Every method raises `KeyStoreUnavailable` where the keys cannot be had now, and `KeyStoreUnfit` where they are not
    what they must be; `new_epoch` and `destroy` raise `KeyStoreReadOnly` where keys can only be read, `unwrap` raises
    `UnwrapFailed` where the key is here and does not open what it is given.
    """

    async def new_epoch(self, prefix: str = "") -> str:
        """Makes the key of another epoch; its name, which begins with `prefix`."""
        ...

    async def has(self, epoch: str) -> bool:
        """Whether the epoch's key is here."""
        ...

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        """`key` as it may lie in a database."""
        ...

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        """What `wrap` was given, with the same `bound`."""
        ...

    async def destroy(self, epoch: str) -> None:
        """The end of an epoch's key; nothing where it is gone already, or another process destroys it meanwhile."""
        ...


def epoch_name() -> str:
    """A name for an epoch that no other has, in whichever keyspace; it tells when the epoch began."""
    return f"{time.strftime('%Y%m%dt%H%M%Sz', time.gmtime())}-{secrets.token_hex(4)}"


async def check_value(keys: KeyEncryption, epoch: str) -> bytes:
    """What tells later whether an epoch's key is still the same."""
    return await keys.wrap(epoch, _CHECKED, _CHECK)


async def require_fitting(keys: KeyEncryption, epochs: Sequence[tuple[str, bytes]]) -> None:
    """Raises `KeyStoreUnfit` where the key of one of these epochs, each with its check value, is not here."""
    for epoch, value in epochs:
        if not await keys.has(epoch):
            raise KeyStoreUnfit(f"the key-encryption key of epoch {epoch} is not there: restore it, never make another")
        if await keys.unwrap(epoch, value, _CHECK) != _CHECKED:
            raise KeyStoreUnfit(f"the key of epoch {epoch} is another one than this keyspace was begun with")
