"""Bundles' keys under the key-encryption key of an epoch, which is kept outside every store."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class EpochKeys(Protocol):
    """What of `chat.privacy.kek.KeyEncryption` this needs."""

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        """`key` as it may lie in a store."""
        ...

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        """What `wrap` was given, with the same `bound`."""
        ...


class EpochWrap:
    """The `KeyWrap` of the epoch that `current` names: epoch, a zero byte, and the wrapped key.

    A bundle is not wrapped anew: one that outlives its epoch cannot be fetched any more and is asked for again.
    """

    def __init__(self, keys: EpochKeys, current: Callable[[], Awaitable[str]]) -> None:
        self._keys, self._current = keys, current

    async def wrap(self, bundle: str, key: bytes) -> bytes:
        epoch = await self._current()
        return epoch.encode() + b"\0" + await self._keys.wrap(epoch, key, _bound(bundle))

    async def unwrap(self, bundle: str, wrapped: bytes) -> bytes:
        epoch, _, sealed = wrapped.partition(b"\0")
        return await self._keys.unwrap(epoch.decode(), sealed, _bound(bundle))


def _bound(bundle: str) -> str:
    return f"export bundle {bundle}"
