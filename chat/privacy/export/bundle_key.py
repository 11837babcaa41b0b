"""The key of a bundle: made with its first object, wrapped, and gone with it."""

import os
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
        """What `wrap` was given for that bundle."""
        ...


async def make_or_find(store: BundleStore, wrap: KeyWrap, bundle: str) -> bytes:
    """The bundle's key; one that is begun has it already. Raises what the store and the wrap do."""
    if await store.get(bundle, KEY) is None:
        await store.delete(bundle)  # what is there without its key is of a bundle whose deletion was cut short
        await store.put(bundle, KEY, await wrap.wrap(bundle, os.urandom(KEY_BYTES)))
    return await find(store, wrap, bundle)


async def find(store: BundleStore, wrap: KeyWrap, bundle: str) -> bytes:
    """The bundle's key. Raises `BundleGone`, and what the store and the wrap do."""
    wrapped = await store.get(bundle, KEY)
    if wrapped is None:
        raise BundleGone("there is no such bundle")
    return await wrap.unwrap(bundle, wrapped)
