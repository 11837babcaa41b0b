"""A run of records of one partition, handed on as one and acknowledged as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faust.types import TP

from streams.records import Record

MAX_RECORDS = 250


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


def chunks(tp: TP, records: Sequence[Record]) -> Iterator[Chunk]:
    """`records` in chunks of at most `MAX_RECORDS`."""
    for start in range(0, len(records), MAX_RECORDS):
        yield Chunk(tp, records[start : start + MAX_RECORDS])
