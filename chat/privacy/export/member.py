"""A member of the bundle: one file of the zip, deflated as it is written, so that it is never whole in memory."""

import asyncio
import hashlib
import zlib
from typing import NamedTuple

BLOCK = 256 * 1024
"""Bytes that are deflated at once, in a thread."""

LEVEL = 1
"""The fastest: text gets 4 times smaller all the same, and the reading of rows is not held up."""


class Member(NamedTuple):
    """What is known of a packed member. `crc32` and `sha256` are of its `size` bytes, `packed` is its deflated size."""

    path: str
    media_type: str
    size: int
    packed: int
    crc32: int
    sha256: str
    records: int | None = None


class Packer:
    """Deflates a member piece by piece."""

    def __init__(self, path: str, media_type: str) -> None:
        self.path, self.media_type = path, media_type
        self.size = 0
        self._waiting: list[bytes] = []
        self._unpacked = 0
        self._packed: list[bytes] = []
        self._crc32 = 0
        self._sha256 = hashlib.sha256()
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)

    def add(self, piece: bytes) -> None:
        """Takes the next bytes; `settle` from time to time, else they heap up."""
        self._waiting.append(piece)
        self._unpacked += len(piece)
        self.size += len(piece)

    @property
    def is_due(self) -> bool:
        """Whether a block waits to be packed."""
        return self._unpacked >= BLOCK

    async def settle(self) -> None:
        """Packs what was added, where that is a block or more."""
        if self.is_due:
            await self._pack()

    async def finish(self, records: int | None = None) -> tuple[Member, bytes]:
        """The member and its deflated bytes."""
        await self._pack()
        self._packed.append(self._deflate.flush())
        packed = b"".join(self._packed)
        digest = self._sha256.hexdigest()
        return Member(self.path, self.media_type, self.size, len(packed), self._crc32, digest, records), packed

    async def _pack(self) -> None:
        block = b"".join(self._waiting)
        self._waiting.clear()
        self._unpacked = 0
        await asyncio.to_thread(self._take, block)

    def _take(self, block: bytes) -> None:
        self._sha256.update(block)
        self._crc32 = zlib.crc32(block, self._crc32)
        self._packed.append(self._deflate.compress(block))


async def pack(path: str, media_type: str, content: bytes) -> tuple[Member, bytes]:
    """A member whose content is small enough to be held."""
    packer = Packer(path, media_type)
    packer.add(content)
    return await packer.finish()
