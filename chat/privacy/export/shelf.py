"""Where finished bundles are fetched, and the public key that goes with them."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from chat.domain.model import Life
from chat.domain.privacy import Request
from chat.errors import BundleGone
from chat.privacy.export.bundle_key import KeyWrap
from chat.privacy.export.download import Download
from chat.privacy.export.store import BundleStore


class Shelf(NamedTuple):
    """A store with what opens its bundles; `public_jwk` is the signing key's public half.

    `life_of` tells the latest life of who stands behind a subject, as it is now: a bundle has a key of its own, so it
    stays readable behind the destruction of its learner's until the erasure comes to it.
    """

    store: BundleStore
    wrap: KeyWrap
    public_jwk: dict[str, str]
    life_of: Callable[[bytes], Awaitable[Life]]

    async def open(self, request: Request) -> Download:
        """The bundle of a finished export. Raises `BundleGone` where there is none, or its learner's life is over, and
        what the store, the wrap and `life_of` do.

        No bundle of an earlier life is there in a later one, which does not begin before the erasure has ended.
        """
        await self.judge(request)
        return await Download.open(self.store, self.wrap, *request.key)

    async def judge(self, request: Request) -> None:
        """Raises `BundleGone` where the life of an export's learner is over, and what `life_of` does."""
        if not (await self.life_of(request.subject)).alive:
            raise BundleGone("its learner was erased")
