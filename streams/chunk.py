"""A run of records of one partition, handed on as one and acknowledged as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faust.types import TP

from streams.records import Record

MAX_RECORDS = 250
MAX_BYTES = 2**20
"""Of the values of a chunk's records, unless it is a single one."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Records in offset order, fetched under one generation of the consumer group. `next_offset` follows the last."""

    tp: TP
    records: Sequence[Record]
    done: bool = False

    @property
    def next_offset(self) -> int:
        """The offset to commit when every record has its outcome."""
        return int(self.records[-1].offset) + 1

    @property
    def size(self) -> int:
        """Bytes of the records' values."""
        return sum(map(_size, self.records))


def chunks(tp: TP, records: Sequence[Record]) -> Iterator[Chunk]:
    """`records` in chunks of at most `MAX_RECORDS` and `MAX_BYTES`."""
    start, size = 0, 0
    for at, record in enumerate(records):
        more = _size(record)
        if at > start and (at - start == MAX_RECORDS or size + more > MAX_BYTES):
            yield Chunk(tp, records[start:at])
            start, size = at, 0
        size += more
    if records:
        yield Chunk(tp, records[start:])


def _size(record: Record) -> int:
    return len(record.value or b"")
