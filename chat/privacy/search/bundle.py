"""Bundles of exports in a folder, opened with whichever key-encryption key still does."""

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from chat.errors import BundleDamaged, BundleGone, UnwrapFailed
from chat.privacy.export.chunk import MAGIC, BundleSeal
from chat.privacy.export.epoch_wrap import EpochWrap
from chat.privacy.export.store import KEY
from chat.privacy.kek import KeyEncryption

_BUNDLE = re.compile(r"[0-9a-f]{32}")
_BLOCK = 1 << 20


class OpenMember(NamedTuple):
    """A member of a chunk, and its bytes."""

    path: str
    blocks: Iterator[bytes]


def bundle_of(path: Path) -> Path | None:
    """The folder of the bundle that a file belongs to; None where it belongs to none."""
    return next((one for one in path.parents if _BUNDLE.fullmatch(one.name) and (one / KEY).is_file()), None)


async def seal_of(bundle: Path, keyrings: Sequence[KeyEncryption]) -> BundleSeal | None:
    """What opens a bundle; None where nothing does. Raises `KeyStoreUnavailable` and `KeyStoreUnfit`."""
    for keyring in keyrings:
        try:
            key = await EpochWrap(keyring, _no_epoch, _over).unwrap(bundle.name, (bundle / KEY).read_bytes())
        except (BundleGone, UnwrapFailed):
            continue
        return BundleSeal(bundle.name, key)
    return None


def is_chunk(path: Path) -> bool:
    """Whether a file is a sealed chunk."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def members(path: Path, bundle: Path, seal: BundleSeal) -> Iterator[OpenMember]:
    """What a chunk holds, in the open: one chunk in memory at a time. Raises `BundleDamaged`.

    The front, the manifest and the list of contents have bodies that are no members.
    """
    name, whole = path.relative_to(bundle).as_posix(), path.read_bytes()
    told, body = seal.open_head(name, whole).members, seal.open_body(name, whole)
    if not told:
        yield OpenMember(name, iter((body,)))
    for member, end in zip(told, accumulate(one.packed for one in told), strict=True):
        yield OpenMember(member.path, _inflated(body[end - member.packed : end], name))


def _inflated(packed: bytes, name: str) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while block := inflate.decompress(packed, _BLOCK):
            yield block
            packed = inflate.unconsumed_tail
    except zlib.error as error:
        raise BundleDamaged(f"a member of {name} cannot be inflated") from error


async def _no_epoch() -> str:
    raise AssertionError("nothing is wrapped by who searches")


async def _over(_epoch: str) -> bool:
    return True
