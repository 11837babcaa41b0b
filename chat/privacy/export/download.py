"""A finished bundle, as the zip that its reader gets: put together while it is sent, one chunk in memory at a time."""

import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Self

from chat.errors import BundleDamaged, BundleGone
from chat.privacy.export import archive, bundle_key
from chat.privacy.export.archive import Stamp
from chat.privacy.export.build import Contents, Kept, read_contents
from chat.privacy.export.bundle_key import KeyWrap
from chat.privacy.export.chunk import BundleSeal
from chat.privacy.export.member import Member
from chat.privacy.export.store import BundleStore, bundle_id

PIECE_BYTES = 65_536
"""What is sent at once at most: whoever is slow takes a little in time, though never a whole chunk."""

JUDGE_SECONDS = 30.0
"""Whoever takes longer for a chunk is judged again within it."""

Judge = Callable[[], Awaitable[object]]
"""Asked whether a reader may go on; what it raises ends the download."""


class Download:
    """One bundle. Every method raises what its store does."""

    def __init__(self, store: BundleStore, bundle: str, seal: BundleSeal, contents: Contents) -> None:
        self._store, self._bundle, self._seal = store, bundle, seal
        self.contents = contents
        made_at = datetime.fromtimestamp(contents.made_at / 1000, UTC)
        self._stamp = Stamp(*made_at.timetuple()[:6])

    @classmethod
    async def open(
        cls, store: BundleStore, wrap: KeyWrap, tenant_id: str, request_id: str, now: float | None = None
    ) -> Self:
        """Raises `BundleGone` where it is not finished, has expired or was deleted; `now` is in UTC seconds."""
        bundle = bundle_id(tenant_id, request_id)
        seal = BundleSeal(bundle, await bundle_key.find(store, wrap, bundle))
        contents = await read_contents(store, seal, bundle)
        if contents is None:
            raise BundleGone("the bundle is not finished")
        if contents.expires_at <= (time.time() if now is None else now) * 1000:
            raise BundleGone("the bundle has expired")
        return cls(store, bundle, seal, contents)

    @property
    def length(self) -> int:
        """Bytes of the zip."""
        return archive.length(self._members, self._stamp)

    async def stream(self, judge: Judge) -> AsyncGenerator[bytes]:
        """The zip's bytes. Raises `BundleDamaged`, `BundleGone` where it is deleted meanwhile, and what `judge` does.

        That is asked before a chunk is opened, since a reader may take hours, and no right need last so long.
        """
        for chunk in self.contents.chunks:
            await judge()
            judged = time.monotonic()
            for piece in self._pieces(chunk, await self._body(chunk)):
                if time.monotonic() - judged >= JUDGE_SECONDS:
                    await judge()
                    judged = time.monotonic()
                yield piece
        for entry in archive.directory(self._members, self._stamp):
            yield entry

    def _pieces(self, chunk: Kept, body: bytes) -> Iterator[bytes]:
        ends = itertools.accumulate(member.packed for member in chunk.head.members)
        for member, end in zip(chunk.head.members, ends, strict=True):
            yield archive.local_header(member, self._stamp)
            for at in range(end - member.packed, end, PIECE_BYTES):
                yield body[at : min(at + PIECE_BYTES, end)]

    async def _body(self, chunk: Kept) -> bytes:
        if not chunk.head.members:
            return b""
        whole = await self._store.get(self._bundle, chunk.name)
        if whole is None:
            raise BundleGone("the bundle was deleted while it was read")
        body = self._seal.open_body(chunk.name, whole)
        if len(body) != sum(member.packed for member in chunk.head.members):
            raise BundleDamaged(f"chunk {chunk.name} is not the one that the contents name")
        return body

    @property
    def _members(self) -> Sequence[Member]:
        return [member for chunk in self.contents.chunks for member in chunk.head.members]
