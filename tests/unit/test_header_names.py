"""Names of headers that are not UTF-8 stop nobody."""

from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.header_names import Batches
from tests.odd_headers import NAME, SHOWN, spoilt


def built(first: int, compression: int = 0, odd: int | None = None) -> bytes:
    """A batch of four records from an offset on; the record `odd` has a header that can be spoilt."""
    builder: Any = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 10_000)
    for number in range(4):
        more = [(NAME.decode(), None)] if number == odd else []
        builder.append(number, 5, b"key", b"%d" % number, [("correlation-id", b"c"), *more])
    raw = bytearray(builder.build())
    raw[:8] = first.to_bytes(8, "big")
    return bytes(raw)


def read(raw: bytes, begin: int = 0) -> list[Any]:
    """As aiokafka reads the answer to a fetch from an offset on, checksums too."""
    rest = {"key_deserializer": None, "value_deserializer": None, "check_crcs": True, "isolation_level": READ_COMMITTED}
    taken: Any = PartitionRecords(TopicPartition("t", 0), Batches(raw), [], begin, **rest)
    return list(taken)


@pytest.mark.parametrize("odd", range(4))
def test_a_name_that_is_no_text_is_read_as_java_reads_it(odd: int) -> None:
    """The records around it are what they were, in this batch and the next."""
    records = read(built(0) + spoilt(built(4, odd=odd)) + built(8))
    assert [(one.offset, one.value) for one in records] == [(n, b"%d" % (n % 4)) for n in range(12)]
    assert [one.headers[1:] for one in records if len(one.headers) > 1] == [((SHOWN, None),)]
    assert {one.headers[0] for one in records} == {("correlation-id", b"c")}


@pytest.mark.parametrize("begin", range(4, 9))
def test_reading_may_begin_anywhere(begin: int) -> None:
    records = read(spoilt(built(4, odd=2)) + built(8), begin)
    assert [one.offset for one in records] == list(range(begin, 12))


@pytest.mark.parametrize("compression", [0, 1, 3])
def test_ordinary_batches_are_read_as_ever(compression: int) -> None:
    assert [one.offset for one in read(built(0, compression) + built(4, compression))] == list(range(8))
