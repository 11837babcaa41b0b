"""Where finished bundles are fetched, and the public key that goes with them."""

from typing import NamedTuple

from chat.privacy.export.bundle_key import KeyWrap
from chat.privacy.export.download import Download
from chat.privacy.export.store import BundleStore


class Shelf(NamedTuple):
    """A store with what opens its bundles; `public_jwk` is the signing key's public half."""

    store: BundleStore
    wrap: KeyWrap
    public_jwk: dict[str, str]

    async def open(self, tenant_id: str, request_id: str) -> Download:
        """Raises `BundleGone` where there is none, and what the store and the wrap do."""
        return await Download.open(self.store, self.wrap, tenant_id, request_id)
