"""Files as streams of what they say: decompressed, decrypted where a key is left, else as they are."""

import stat
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chat.privacy.kek import KeyEncryption
from chat.privacy.search import archive, bundle, descriptor, sstable


class Stream(NamedTuple):
    """What a file, or a member of it, says. `rows`: whether Cassandra wrote it, so that a learner's name stands behind
    its tenant's, in rows that have an end by promise.
    """

    place: str
    blocks: Iterable[bytes]
    rows: bool = False


class Unsearched(NamedTuple):
    """A folder that cannot be listed, or something that is no file; and why."""

    place: Path
    reason: str


def walk(root: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path | Unsearched]:
    """Every file under a folder, behind links too; or the file itself. Nothing is passed over without a word.

    A link to one of the folders `above` it leads to what is gone through anyway.
    """
    try:
        mode = root.stat().st_mode
        inside = sorted(root.iterdir()) if stat.S_ISDIR(mode) else []
    except OSError as error:
        yield Unsearched(root, error.strerror or str(error))
        return
    if stat.S_ISREG(mode):
        yield root
    elif not stat.S_ISDIR(mode):  # a pipe would be waited for, a device may never end
        yield Unsearched(root, "neither a file nor a folder")
    elif (folder := root.resolve()) not in above:
        for one in inside:
            yield from walk(one, above | {folder})


def rest(path: Path, at: int) -> Iterator[bytes]:
    """A file's bytes from a place on."""
    file = path.open("rb")
    file.seek(at)
    return archive.read(file)


async def streams(path: Path, keyrings: Sequence[KeyEncryption]) -> AsyncIterator[Stream]:
    """What a file says. Reading it raises `FileDamaged`, `BundleDamaged` and what opening a file raises.

    Raises `KeyStoreUnavailable` and `KeyStoreUnfit` where it is not known whether a key is left.
    """
    whose = bundle.bundle_of(path)
    seal = await bundle.seal_of(whose, keyrings) if whose is not None and bundle.is_chunk(path) else None
    if whose is not None and seal is not None:
        for member in bundle.members(path, whose, seal):
            yield Stream(f"{path}:{member.path}", member.blocks)
    elif archive.is_zip(path):
        for one in archive.zipped(path):
            yield Stream(f"{path}:{one.name}", one.blocks)
    else:
        yield _alone(path)


def _alone(path: Path) -> Stream:
    if sstable.is_compressed(path):
        return Stream(str(path), sstable.decompressed(path), rows=True)
    if archive.is_gzip(path):
        return Stream(str(path), archive.gunzipped(path))
    if descriptor.is_log(path):
        descriptor.require_plain(path)
    return Stream(str(path), archive.unpacked(path.name, rest(path, 0)), rows=_is_cassandras(path))


def _is_cassandras(path: Path) -> bool:
    return path.suffix in {".db", ".hints"} or path.name.startswith("CommitLog-")
