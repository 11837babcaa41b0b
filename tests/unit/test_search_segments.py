"""Kafka's segments are read as a broker wrote them: every compression, a cut end, a damaged batch."""

from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from chat.broker import Place
from chat.domain.model import Learner
from chat.errors import CellDamaged
from chat.partition_reader import Kept
from chat.privacy.search import segment
from chat.privacy.search.disk import DiskSearch, Wanted
from chat.privacy.traces import Searched, Trace, What

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
CANARY = "an unmistakable canary"
NAME = "00000000000000000007.log"


def lost(*_: object) -> str:
    raise CellDamaged("no key")


WHOSE = Searched(Learner("tenant-1", "learner-1"), lost)


def batch(codec: int, first: int, *values: str, key: str = "somebody/else") -> bytes:
    """A batch as a producer sends it and a broker keeps it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, 1_768_473_000_000, key.encode(), value.encode(), [("h", b"1")])
    return first.to_bytes(8) + bytes(builder.build())[8:]


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    folder = tmp_path / "chat.events-3"
    folder.mkdir()
    return folder


async def found(root: Path, *texts: str) -> list[Trace]:
    return [one async for one in DiskSearch([]).traces(root, Wanted(WHOSE, texts))]


@pytest.mark.parametrize("codec", CODECS)
async def test_words_are_found_in_every_compression(partition: Path, codec: str) -> None:
    """At the offset of their record."""
    whole = batch(CODECS[codec], 7, *["other words " * 20] * 9, CANARY) + batch(0, 17, "more")
    (partition / NAME).write_bytes(whole)
    assert (len(whole) < 1_000) is (codec != "none")
    place = f"{partition / NAME}@16"
    assert [one for one in await found(partition, CANARY) if one.detail == "text 1"] == [
        Trace(What.WORDS, place, "text 1")
    ]
    assert [one.offset for one in segment.records(partition / NAME) if isinstance(one, Kept)] == [*range(7, 18)]


@pytest.mark.parametrize("state", ["delete", "future", "stray"])
async def test_a_segment_of_a_partition_that_comes_or_goes_is_searched(tmp_path: Path, state: str) -> None:
    """Under the name that the broker gives it then, and that of its partition."""
    gone = tmp_path / f"chat.events-3.0123456789abcdef-{state}"
    gone.mkdir()
    file = gone / f"{NAME}.deleted"
    file.write_bytes(batch(4, 7, CANARY))
    assert segment.place_of(file) == Place("chat.events", 3)
    assert What.WORDS in [one.what for one in await found(gone, CANARY)]


async def test_a_segment_outside_its_partitions_folder_is_told(tmp_path: Path) -> None:
    """Nobody knows what its records are."""
    (tmp_path / NAME).write_bytes(batch(4, 7, CANARY))
    assert [(one.what, one.place) for one in await found(tmp_path, CANARY)] == [(What.UNREAD, str(tmp_path / NAME))]


async def test_what_is_no_batch_is_told_or_searched_as_it_is(partition: Path) -> None:
    """A cut end is searched; a batch whose bytes were changed is `unread`; what is behind that is found."""
    bad = bytearray(batch(4, 7, "words " * 50))
    bad[-3] ^= 0xFF
    (partition / NAME).write_bytes(bytes(bad) + batch(4, 8, CANARY) + batch(0, 9, CANARY)[:-2])
    traces = await found(partition, CANARY)
    assert Trace(What.UNREAD, f"{partition / NAME}:0", "a batch that cannot be decoded") in traces
    assert [one.detail for one in traces].count("text 1") == 2


async def test_a_record_of_ours_is_judged_as_in_the_topic(partition: Path) -> None:
    """By its key: an event that nobody can read may hold anything, a tombstone holds an id."""
    key = "tenant-1/learner-1/00000000-0000-7000-8000-000000000001"
    (partition / NAME).write_bytes(batch(2, 7, "?", key=key) + batch(2, 8, "?", key="tenant-1/learner-12/x"))
    assert [(one.what, one.place) for one in await found(partition)] == [(What.WORDS, f"{partition / NAME}@7")]
