"""Archives are read or told, whatever they are called; none is taken for what it says."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from pathlib import Path

import cramjam
import pytest

from chat.domain.model import Learner
from chat.errors import CellDamaged
from chat.privacy.search.disk import DiskSearch, Wanted
from chat.privacy.traces import Searched, What

CANARY = "an unmistakable canary"
WORDS = f"somebody said {CANARY} here".encode()


def lost(*_: object) -> str:
    raise CellDamaged("no key")


async def found(folder: Path, name: str, content: bytes) -> list[What]:
    """What is found in one file."""
    (folder / name).write_bytes(content)
    wanted = Wanted(Searched(Learner("tenant-1", "learner-1"), lost), [CANARY])
    return [one.what async for one in DiskSearch([]).traces(folder, wanted)]


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def changed(packed: bytes, at: int, value: int) -> bytes:
    """A zip with another number at a place of its member's header, and of the directory's, which has two bytes more."""
    whole, directory = bytearray(packed), packed.index(b"PK\x01\x02")
    struct.pack_into("<H", whole, at, value)
    struct.pack_into("<H", whole, directory + at + 2, value)
    return bytes(whole)


def tar_of(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


LOG = ("log", WORDS)

READ = {
    "old.zip": zip_of(LOG),
    "old.ZIP": zip_of(LOG),
    "zip": zip_of(LOG),
    "old.log.gz": gzip.compress(WORDS),
    "old.log.GZ": gzip.compress(WORDS),
    "gzip": gzip.compress(WORDS),
}

UNREAD = {
    "old.tar.gz": gzip.compress(tar_of(gzip.compress(WORDS))),
    "old.tgz": gzip.compress(tar_of(gzip.compress(WORDS))),
    "gzip": gzip.compress(tar_of(gzip.compress(WORDS))),
    "twice.gz": gzip.compress(gzip.compress(WORDS)),
    "tar": tar_of(gzip.compress(WORDS)),
    "old.xz": lzma.compress(WORDS),
    "xz": lzma.compress(WORDS),
    "zstd": bytes(cramjam.zstd.compress(WORDS)),
    "lz4": bytes(cramjam.lz4.compress(WORDS)),
    "bzip2": bytes(cramjam.bzip2.compress(WORDS)),
    "zip-in.zip": zip_of(("inner", zip_of(LOG))),
    "gzip-in.zip": zip_of(("log.gz", gzip.compress(WORDS))),
    "data-file-in.zip": zip_of(("a/nb-1-big-Data.db", b"?")),
    "segment-in.zip": zip_of(("chat.events-3/00000000000000000007.log", b"?")),
    "CommitLog-7-1.log.gz": gzip.compress(b"?"),
    "00000000000000000007.log.gz": gzip.compress(b"?"),
    "encrypted.zip": changed(zip_of(LOG), 6, 1),
    "of-an-unknown-method.zip": changed(zip_of(LOG), 8, 99),
    "damaged.zip": zip_of(LOG, method=zipfile.ZIP_LZMA).replace(b"\x5d\x00\x00", b"\xff\xff\xff"),
    "cut.zip": zip_of(LOG)[:-9],
}


@pytest.mark.parametrize("name", READ)
async def test_what_is_packed_once_is_read(tmp_path: Path, name: str) -> None:
    """Whatever its name."""
    assert await found(tmp_path, name, READ[name]) == [What.WORDS]


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_members_of_one_name_are_all_read(tmp_path: Path) -> None:
    """The first one too, which who unpacks it never sees."""
    assert await found(tmp_path, "old.zip", zip_of(LOG, ("log", b"nothing"))) == [What.WORDS]


@pytest.mark.parametrize("name", UNREAD)
async def test_what_is_not_read_is_told(tmp_path: Path, name: str) -> None:
    """It is `unread`, and what lies beside it is searched."""
    (tmp_path / "zz").write_bytes(WORDS)
    assert await found(tmp_path, name, UNREAD[name]) == [What.UNREAD, What.WORDS]
