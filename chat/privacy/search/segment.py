"""Kafka's segments: batches as producers sent them, compressed ones too, one in memory at a time."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords

from chat.broker import Place
from chat.errors import FileDamaged
from chat.partition_reader import Kept

_SEGMENT = re.compile(r"\d{20}\.log(\.(deleted|cleaned|swap))?")
_PARTITION = re.compile(r"(?P<topic>.+?)-(?P<number>\d+)(\.[0-9a-f]+-(delete|future|stray))?")
_HEAD = 12
"""Bytes of an offset and of the length of what follows."""

LIMIT = 256 << 20
"""No batch is longer."""


class Unread(NamedTuple):
    """A batch at `at` that cannot be decoded; or, `cut`, the file's end, of a broker that was writing, or died then."""

    at: int
    cut: bool = False


def place_of(path: Path) -> Place | None:
    """The partition whose segment a file is, one that the broker deletes, moves or has lost too; None where it is none.

    Raises `FileDamaged` where the folder does not tell the partition.
    """
    if not _SEGMENT.fullmatch(path.name):
        return None
    partition = _PARTITION.fullmatch(path.parent.name)
    if partition is None:
        raise FileDamaged("a segment outside its partition's folder, which names the topic")
    return Place(partition["topic"], int(partition["number"]))


def records(path: Path) -> Iterator[Kept | Unread]:
    """Every record, in the order of the file; and what is no whole batch."""
    with path.open("rb") as file:
        at = 0
        while head := file.read(_HEAD):
            length = int.from_bytes(head[8:_HEAD], signed=True) if len(head) == _HEAD else 0
            body = file.read(length) if 0 < length <= LIMIT else b""
            if not body or len(body) < length:
                yield Unread(at, cut=True)
                return
            yield from _records(head + body, at)
            at = file.tell()


def _records(batch: bytes, at: int) -> Iterator[Kept | Unread]:
    try:
        decoded = MemoryRecords(batch).next_batch()
        if decoded is None or not decoded.validate_crc():
            yield Unread(at)
            return
        for one in decoded:
            yield Kept(one.offset, one.timestamp or 0, one.key, one.value, tuple(one.headers))
    except (KafkaError, ValueError, OSError):
        yield Unread(at)
