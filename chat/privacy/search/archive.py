"""Archives: zip and gzip are read, one deep; whatever else is packed has to be unpacked by hand, and is told."""

import gzip
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from chat.errors import FileDamaged

BLOCK = 1 << 20

_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"
_HEADS = (_ZIP, _GZIP, b"BZh", b"\xfd7zXZ\0", b"(\xb5/\xfd", b'\x04"M\x18', b"7z\xbc\xaf\x27\x1c", b"Rar!")
_TAR, _TAR_AT = b"ustar", 257
_NAMES = (".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".rar", ".lzma", ".z", ".br", ".sz", ".gpg", ".age")
_OF_SERVERS = re.compile(r"\d{20}\.log.*|CommitLog-.*|.*\.(db|hints)")
"""Files of Kafka and Cassandra, which are decoded by what stands beside them."""


class Member(NamedTuple):
    """A file in an archive, and its bytes."""

    name: str
    blocks: Iterator[bytes]


def is_zip(path: Path) -> bool:
    """By its name, or by how it begins, whatever it is called."""
    return path.suffix.lower() == ".zip" or _head(path).startswith(_ZIP)


def is_gzip(path: Path) -> bool:
    """As `is_zip`."""
    return path.suffix.lower() == ".gz" or _head(path).startswith(_GZIP)


def zipped(path: Path) -> Iterator[Member]:
    """The files in a zip, all of one name too. Raises `FileDamaged` and what `zipfile` does, also while it is read."""
    try:
        with zipfile.ZipFile(path) as opened:
            for one in opened.infolist():
                _require_no_servers(one.filename)
                yield Member(one.filename, unpacked(one.filename, read(opened.open(one))))
    except (RuntimeError, UnicodeDecodeError) as error:  # zipfile's words for a password, and for what it does not know
        raise FileDamaged("encrypted, or packed in a way that is not known: unpack it") from error


def gunzipped(path: Path) -> Iterator[bytes]:
    """What was compressed. Raises `FileDamaged` and what `gzip` does, also while it is read."""
    name = path.stem if path.suffix.lower() == ".gz" else path.name
    _require_no_servers(name)
    return unpacked(name, read(cast(IO[bytes], gzip.open(path))))


def unpacked(name: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a file. Raises `FileDamaged`, once they are read, where they are an archive's."""
    first = True
    for block in blocks:
        if first and _is_packed(name, block):
            raise FileDamaged("an archive: unpack it, and search what was in it")
        first = False
        yield block


def read(opened: IO[bytes]) -> Iterator[bytes]:
    """A file block by block, which is closed then."""
    with opened as file:
        while block := file.read(BLOCK):
            yield block


def _require_no_servers(name: str) -> None:
    if _OF_SERVERS.fullmatch(name.rpartition("/")[2]):
        raise FileDamaged("an archive with files of Kafka or Cassandra: unpack it, and search what was in it")


def _is_packed(name: str, head: bytes) -> bool:
    return name.lower().endswith(_NAMES) or head.startswith(_HEADS) or head.startswith(_TAR, _TAR_AT)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(max(map(len, _HEADS)))
