"""A zip whose members are deflated already and whose sizes are known, so that it is written without seeking, without
deflating anew, and with its length told before its first byte. PKWARE's APPNOTE 6.3; zip64 where the numbers need it.

`zipfile` and stream-zip can stream, but neither takes what is deflated already.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chat.privacy.export.member import Member

VERSION, VERSION_64 = 20, 45
UTF8_NAMES = 0x800
DEFLATED = 8
MADE_BY_UNIX = 3 << 8
REGULAR_FILE = 0o100600 << 16
MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR_64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4sHHHHIIH")
_OFFSET_64 = struct.Struct("<HHQ")


class Stamp(NamedTuple):
    """A time as zip has it: UTC, in steps of two seconds, from 1980 on."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    @property
    def packed(self) -> tuple[int, int]:
        """Time and date."""
        time = self.hour << 11 | self.minute << 5 | self.second // 2
        return time, (self.year - 1980) << 9 | self.month << 5 | self.day


def local_header(member: Member, stamp: Stamp) -> bytes:
    """What stands before a member's deflated bytes."""
    name = member.path.encode()
    sizes = (member.crc32, member.packed, member.size)
    return _LOCAL.pack(b"PK\3\4", VERSION, UTF8_NAMES, DEFLATED, *stamp.packed, *sizes, len(name), 0) + name


def directory(members: Sequence[Member], stamp: Stamp) -> Iterator[bytes]:
    """What stands behind the last member."""
    offset = size = 0
    for member in members:
        entry = _entry(member, offset, stamp)
        size += len(entry)
        offset += len(local_header(member, stamp)) + member.packed
        yield entry
    if len(members) >= MAX_16 or offset >= MAX_32 or size >= MAX_32:
        numbers = (len(members), len(members), size, offset)
        yield _END_64.pack(b"PK\6\6", _END_64.size - 12, MADE_BY_UNIX | VERSION_64, VERSION_64, 0, 0, *numbers)
        yield _LOCATOR_64.pack(b"PK\6\7", 0, offset + size, 1)
    count = min(len(members), MAX_16)
    yield _END.pack(b"PK\5\6", 0, 0, count, count, min(size, MAX_32), min(offset, MAX_32), 0)


def length(members: Sequence[Member], stamp: Stamp) -> int:
    """The whole zip's, in bytes."""
    files = sum(len(local_header(one, stamp)) + one.packed for one in members)
    return files + sum(map(len, directory(members, stamp)))


def _entry(member: Member, offset: int, stamp: Stamp) -> bytes:
    name = member.path.encode()
    far = offset >= MAX_32
    extra = _OFFSET_64.pack(1, 8, offset) if far else b""
    needed = VERSION_64 if far else VERSION
    return b"".join(
        (
            _CENTRAL.pack(
                b"PK\1\2",
                MADE_BY_UNIX | needed,
                needed,
                UTF8_NAMES,
                DEFLATED,
                *stamp.packed,
                member.crc32,
                member.packed,
                member.size,
                len(name),
                len(extra),
                0,
                0,
                0,
                REGULAR_FILE,
                min(offset, MAX_32),
            ),
            name,
            extra,
        )
    )
