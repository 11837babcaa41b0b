"""Records whose headers have names that are not UTF-8: Kafka takes them, Java's client shows them, aiokafka raises.

It would raise at that record for ever, and its partition would stand still. Such a name gets U+FFFD in the places of
what is no text, as Java's client has it; a command has no use for it anyway.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT = 8
_HEAD = 12
"""Bytes of a batch before those that its length counts."""


def take_any() -> None:
    """Lets every consumer of this process read such records."""
    fetcher.MemoryRecords = Batches  # aiokafka has no other door


class Batches:
    """As aiokafka's `MemoryRecords`: the batches of one answer to a fetch."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._batches: Any = MemoryRecords(raw)
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        """The next one."""
        begin = self._at
        (length,) = struct.unpack_from(">i", self._raw, begin + _LENGTH_AT)
        self._at = begin + _HEAD + length
        batch = self._batches.next_batch()
        return batch if batch.is_control_batch else Batch(batch, self._raw[begin : self._at])


class Batch:
    """As aiokafka's `DefaultRecordBatch`, with records of any names."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except UnicodeDecodeError:
            yield from islice(_leniently(self._raw), read, None)


def _leniently(raw: bytes) -> Any:
    """The same batch in aiokafka's slow form, which takes what it decodes from bytes of ours."""
    batch: Any = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()  # noqa: SLF001 - as above
    batch._buffer = _Lenient(batch._buffer)  # noqa: SLF001 - as above
    return batch


class _Lenient(bytearray):
    """Bytes of which every part is text, one way or another."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Lenient(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
