"""A run of records of one partition, handed on as one and acknowledged as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faust.types import TP

from streams.records import Record

MAX_RECORDS = 250
MAX_BYTES = 2**20
"""Of a chunk's records, unless it is a single one."""

HEADER_BYTES = 100
"""What a header takes in memory, beside its name and its value."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Records in offset order, fetched between two rebalances. `next_offset` follows the last."""

    tp: TP
    records: Sequence[Record]
    size: int
    """Bytes of the records in memory, about."""
    done: bool = False

    @property
    def next_offset(self) -> int:
        """The offset to commit when every record has its outcome."""
        return int(self.records[-1].offset) + 1


def chunks(tp: TP, records: Sequence[Record]) -> Iterator[Chunk]:
    """`records` in chunks of at most `MAX_RECORDS` and `MAX_BYTES`."""
    start, size = 0, 0
    for at, record in enumerate(records):
        more = _size(record)
        if at > start and (at - start == MAX_RECORDS or size + more > MAX_BYTES):
            yield Chunk(tp, records[start:at], size)
            start, size = at, 0
        size += more
    if records:
        yield Chunk(tp, records[start:], size)


def _size(record: Record) -> int:
    headers = sum(HEADER_BYTES + len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
