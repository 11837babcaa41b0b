"""Cassandra's data files as they were before they were compressed, chunk by chunk."""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cramjam

from chat.errors import FileDamaged

_DATA = "-Data.db"
_INFO = "-CompressionInfo.db"
_CHECKSUMS = "-CRC.db"
_CRC = 4


class Layout(NamedTuple):
    """How a data file is compressed: `offsets` of its chunks, each of `chunk` bytes, `length` in all.

    A chunk that takes `limit` bytes or more is kept as it is.
    """

    compressor: str
    chunk: int
    limit: int
    length: int
    offsets: tuple[int, ...]


def is_compressed(path: Path) -> bool:
    """Whether a file is a data file with chunks. Raises `FileDamaged` where nothing beside a data file tells."""
    if not path.name.endswith(_DATA):
        return False
    compressed = _beside(path, _INFO).exists()
    if not compressed and not _beside(path, _CHECKSUMS).exists():
        raise FileDamaged("neither CompressionInfo.db nor CRC.db is beside it: it may be compressed")
    return compressed


def decompressed(path: Path) -> Iterator[bytes]:
    """The chunks of a data file. Raises `FileDamaged`."""
    layout = read_layout(_beside(path, _INFO).read_bytes())
    size = path.stat().st_size
    with path.open("rb") as file:
        for number, (start, end) in enumerate(zip(layout.offsets, (*layout.offsets[1:], size), strict=True)):
            wanted = min(layout.chunk, layout.length - number * layout.chunk)
            if wanted <= 0:  # Cassandra ends some files with a chunk of nothing
                return
            yield _chunk(file, layout, end - start - _CRC, wanted, f"{path.name} chunk {number}")


def read_layout(info: bytes) -> Layout:
    """What a `CompressionInfo.db` says. Raises `FileDamaged`."""
    try:
        compressor, at = _text(info, 0)
        (options,) = struct.unpack_from(">i", info, at)
        at += 4
        for _ in range(2 * options):
            _, at = _text(info, at)
        chunk, limit, length, count = struct.unpack_from(">iiqi", info, at)
        offsets = struct.unpack_from(f">{count}q", info, at + 20)
    except (struct.error, UnicodeDecodeError) as error:
        raise FileDamaged("a CompressionInfo.db is cut short, or of a version that is not known") from error
    if compressor not in _COMPRESSORS:
        raise FileDamaged(f"compressed by {compressor}, which is not known here")
    return Layout(compressor, chunk, limit, length, offsets)


def _chunk(file: BinaryIO, layout: Layout, length: int, wanted: int, place: str) -> bytes:
    packed, crc = file.read(length), file.read(_CRC)
    if zlib.crc32(packed) != int.from_bytes(crc):
        raise FileDamaged(f"{place} does not fit its checksum")
    return packed if length >= layout.limit else _COMPRESSORS[layout.compressor](packed, wanted)


def _lz4(packed: bytes, wanted: int) -> bytes:
    return bytes(cramjam.lz4.decompress_block(packed[4:], output_len=wanted))


_COMPRESSORS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "LZ4Compressor": _lz4,
    "SnappyCompressor": lambda packed, _: bytes(cramjam.snappy.decompress_raw(packed)),
    "DeflateCompressor": lambda packed, _: zlib.decompress(packed),
    "ZstdCompressor": lambda packed, _: bytes(cramjam.zstd.decompress(packed)),
}


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", data, at)
    return data[at + 2 : at + 2 + length].decode(), at + 2 + length


def _beside(path: Path, component: str) -> Path:
    return path.with_name(path.name.removesuffix(_DATA) + component)
