"""Bundles' keys under the key-encryption key of an epoch, which is kept outside every store."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from chat.errors import BundleGone


class EpochKeys(Protocol):
    """What of `chat.privacy.kek.KeyEncryption` this needs."""

    async def has(self, epoch: str) -> bool:
        """Whether the epoch's key is here."""
        ...

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        """`key` as it may lie in a store."""
        ...

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        """What `wrap` was given, with the same `bound`."""
        ...


class EpochWrap:
    """The `KeyWrap` of the epoch that `current` names: epoch, a zero byte, and the wrapped key.

    `is_over` tells of an epoch that its key was destroyed.
    """

    def __init__(
        self, keys: EpochKeys, current: Callable[[], Awaitable[str]], is_over: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._keys, self._current, self._is_over = keys, current, is_over

    async def wrap(self, bundle: str, key: bytes) -> bytes:
        return await self._wrap(await self._current(), bundle, key)

    async def unwrap(self, bundle: str, wrapped: bytes) -> bytes:
        epoch, sealed = _parts(wrapped)
        if not await self._keys.has(epoch) and await self._is_over(epoch):
            raise BundleGone("the bundle's key was wrapped in an epoch whose key was destroyed")
        return await self._keys.unwrap(epoch, sealed, _bound(bundle))

    async def renewed(self, bundle: str, wrapped: bytes) -> bytes | None:
        epoch = await self._current()
        if _parts(wrapped)[0] == epoch:
            return None
        return await self._wrap(epoch, bundle, await self.unwrap(bundle, wrapped))

    async def _wrap(self, epoch: str, bundle: str, key: bytes) -> bytes:
        return epoch.encode() + b"\0" + await self._keys.wrap(epoch, key, _bound(bundle))


def _parts(wrapped: bytes) -> tuple[str, bytes]:
    epoch, _, sealed = wrapped.partition(b"\0")
    return epoch.decode(), sealed


def _bound(bundle: str) -> str:
    return f"export bundle {bundle}"
