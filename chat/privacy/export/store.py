"""Where bundles are kept until they expire: objects by bundle and name, whole or not there."""

import hashlib
import re
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Kept(NamedTuple):
    """A bundle in a store; `touched_at` is when something of it was last put, in UTC seconds; its key counts only where
    that is all there is, so that wrapping it anew does not make an old bundle young.
    """

    bundle: str
    touched_at: float


class BundleStore(Protocol):
    """Every method raises `BundleStoreUnavailable` where the store is away, `BundleStoreFull` where it has no room, and
    `BundleStoreRefused` where it says no. Each may be tried again, the last two once somebody has helped.
    """

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        """Keeps an object for good, durable and whole before this returns; False where one of that name is there."""
        ...

    async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
        """An object, or its first `limit` bytes; None where it is not there."""
        ...

    async def replace(self, bundle: str, name: str, before: bytes, after: bytes) -> bool:
        """Puts an object in the place of one that is `before`, whole and durable; False where it is not, or is gone."""
        ...

    async def delete(self, bundle: str) -> None:
        """Takes away all of a bundle, its key first; nothing where it is gone already."""
        ...

    def bundles(self) -> AsyncIterator[Kept]:
        """All bundles that are kept, unfinished ones too; what else lies there is somebody else's: see `is_bundle`."""
        ...


KEY = "key"
"""The object that holds a bundle's wrapped key: the first that is made, and the first that goes."""

_BUNDLE = re.compile("[0-9a-f]{32}")


def bundle_id(tenant_id: str, request_id: str) -> str:
    """A bundle's name in its store, 32 hexadecimal digits: safe as a folder's, and it tells nobody's id."""
    return hashlib.sha256(f"{tenant_id}/{request_id}".encode()).hexdigest()[:32]


def is_bundle(name: str) -> bool:
    """Whether a name in a store is one that `bundle_id` gives. No store lists another: what is listed is deleted."""
    return _BUNDLE.fullmatch(name) is not None
