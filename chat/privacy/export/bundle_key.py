"""The key of a bundle: made with its first object, wrapped, and gone with it."""

import os
from contextlib import suppress
from typing import Protocol

from chat.errors import BundleGone
from chat.privacy.export.store import KEY, BundleStore

KEY_BYTES = 32


class KeyWrap(Protocol):
    """What wraps bundles' keys, with a key that is kept elsewhere; the bundle's id is bound to what is wrapped."""

    async def wrap(self, bundle: str, key: bytes) -> bytes:
        """`key` as it may lie beside what it seals."""
        ...

    async def unwrap(self, bundle: str, wrapped: bytes) -> bytes:
        """What `wrap` was given for that bundle. Raises `BundleGone` where nobody has what opens it any more."""
        ...

    async def renewed(self, bundle: str, wrapped: bytes) -> bytes | None:
        """The same key wrapped as `wrap` would now; None where it is already. Raises as `unwrap`."""
        ...


async def make_or_find(store: BundleStore, wrap: KeyWrap, bundle: str) -> bytes:
    """The bundle's key; one that is begun has it already. Raises what the store and the wrap do.

    Returns once the key lay in the store wrapped by what was current after it was read: so the rotation that ends that
    begins later, and finds the bundle before anything in it can be lost.
    """
    while True:
        if await store.get(bundle, KEY) is None:
            await store.delete(bundle)  # what is there without its key is of a bundle whose deletion was cut short
            await store.put(bundle, KEY, await wrap.wrap(bundle, os.urandom(KEY_BYTES)))
        try:
            if not await renew(store, wrap, bundle):
                return await find(store, wrap, bundle)
        except BundleGone:
            await store.delete(bundle)  # wrapped by what was destroyed before it was put: it never sealed anything


async def renew(store: BundleStore, wrap: KeyWrap, bundle: str) -> bool:
    """Wraps a bundle's key anew where something else wraps by now; False where that was not needed.

    Raises `BundleGone`, and what the store and the wrap do.
    """
    wrapped = await _wrapped(store, bundle)
    renewed = await wrap.renewed(bundle, wrapped)
    if renewed is None:
        return False
    await store.replace(bundle, KEY, wrapped, renewed)  # unless somebody was faster, or has deleted it
    return True


async def renew_all(store: BundleStore, wrap: KeyWrap) -> int:
    """As `renew`, of every bundle that is kept; how many were wrapped anew."""
    count = 0
    async for kept in store.bundles():
        with suppress(BundleGone):  # deleted meanwhile, or unreadable for good: it goes when it expires
            count += await renew(store, wrap, kept.bundle)
    return count


async def find(store: BundleStore, wrap: KeyWrap, bundle: str) -> bytes:
    """The bundle's key. Raises `BundleGone`, and what the store and the wrap do."""
    return await wrap.unwrap(bundle, await _wrapped(store, bundle))


async def _wrapped(store: BundleStore, bundle: str) -> bytes:
    wrapped = await store.get(bundle, KEY)
    if wrapped is None:
        raise BundleGone("there is no such bundle")
    return wrapped
