"""Which offset may be committed."""

from types import SimpleNamespace

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.acknowledge import Outstanding
from streams.chunk import HEADER_BYTES, MAX_BYTES, MAX_RECORDS, Chunk, chunks
from streams.consumer import MAX_BYTES_IN_ALL, MAX_BYTES_UNDER_WAY, ChunkConsumer

ONE, TWO = TP("chat.commands", 0), TP("chat.commands", 1)


def _chunk(tp: TP, first: int, last: int) -> Chunk:
    return Chunk(tp, [_record(offset) for offset in range(first, last + 1)], 0)


def _record(offset: int, size: int = 0) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, timestamp=1000 + offset, key=None, value=b"x" * size, headers=())


def _begun(outstanding: Outstanding, *parts: Chunk) -> None:
    for part in parts:
        outstanding.begin(part)


def test_an_offset_waits_for_every_chunk_before_it() -> None:
    """A chunk that ends early commits nothing until those before it have ended."""
    outstanding, first, second = Outstanding(), _chunk(ONE, 0, 4), _chunk(ONE, 5, 9)
    _begun(outstanding, first, second)
    outstanding.finish(second)
    assert outstanding.committable() == {}
    outstanding.finish(first)
    assert outstanding.committable() == {ONE: 10}


def test_a_chunk_of_a_generation_that_is_over_counts_for_nothing() -> None:
    """After a partition was let go, a late acknowledgement commits nothing."""
    outstanding, late = Outstanding(), _chunk(ONE, 0, 4)
    _begun(outstanding, late)
    outstanding.drop({ONE})
    _begun(outstanding, _chunk(ONE, 0, 4))
    assert not outstanding.finish(late)
    assert outstanding.committable() == {}


def test_what_comes_while_a_commit_is_under_way_is_kept() -> None:
    """A commit that ends forgets only the offset that it committed."""
    outstanding, first, second = Outstanding(), _chunk(ONE, 0, 4), _chunk(ONE, 5, 9)
    _begun(outstanding, first, second)
    outstanding.finish(first)
    outstanding.finish(second)
    outstanding.committed(ONE, 5)
    assert outstanding.committable() == {ONE: 10}
    outstanding.committed(ONE, 10)
    assert outstanding.committable() == {}


def test_the_oldest_record_without_an_outcome_is_known() -> None:
    """Its broker time is the smallest over all partitions, and none when nothing is under way."""
    outstanding, first = Outstanding(), _chunk(ONE, 3, 4)
    _begun(outstanding, first, _chunk(TWO, 7, 8))
    assert outstanding.oldest() == 1003
    outstanding.finish(first)
    assert outstanding.oldest() == 1007
    assert outstanding.partitions() == {TWO}
    assert (outstanding.under_way(ONE), outstanding.under_way(TWO)) == (0, 2)


@given(st.permutations(range(6)))
def test_in_whatever_order_chunks_end_nothing_unfinished_is_passed(order: list[int]) -> None:
    """At every moment the committable offset is the start of the first unfinished chunk."""
    outstanding = Outstanding()
    parts = [_chunk(ONE, 10 * number, 10 * number + 9) for number in range(6)]
    _begun(outstanding, *parts)
    done: set[int] = set()
    for number in order:
        outstanding.finish(parts[number])
        done.add(number)
        whole = next((one for one in range(6) if one not in done), 6)
        assert outstanding.committable() == ({ONE: 10 * whole} if whole else {})


def test_many_records_make_chunks_of_bounded_size() -> None:
    """Chunks hold every record once, in order, none more than the bound."""
    records = _chunk(ONE, 0, 2 * MAX_RECORDS + 10).records
    made = list(chunks(ONE, records))
    assert [len(one.records) for one in made] == [MAX_RECORDS, MAX_RECORDS, 11]
    assert [record for one in made for record in one.records] == list(records)
    assert made[-1].next_offset == 2 * MAX_RECORDS + 11


def test_large_records_make_chunks_of_bounded_weight() -> None:
    """What would go beyond the bound begins a chunk; a record that is larger than it has one to itself."""
    sizes = [MAX_BYTES // 2, MAX_BYTES // 2, 1, MAX_BYTES + 1, 0, 1]
    made = list(chunks(ONE, [_record(offset, size) for offset, size in enumerate(sizes)]))
    assert [[record.offset for record in one.records] for one in made] == [[0, 1], [2], [3], [4, 5]]
    assert [one.size for one in made] == [MAX_BYTES, 1, MAX_BYTES + 1, 1]


def test_a_record_without_a_value_weighs_nothing() -> None:
    """Heartbeats and tombstones have none; and of no records there is no chunk."""
    record = SimpleNamespace(offset=7, key=None, value=None, headers=())
    assert [(one.next_offset, one.size) for one in chunks(ONE, [record])] == [(8, 0)]
    assert list(chunks(ONE, [])) == []


def test_keys_and_headers_weigh_too() -> None:
    """A million empty headers are much more in memory than they were in the log."""
    headers = [("a", None)] * 1_000 + [("authorization", b"x" * 600)]
    record = SimpleNamespace(offset=7, key=b"k" * 50, value=b"v", headers=headers)
    (made,) = chunks(ONE, [record])
    assert made.size == 50 + 1 + 1_001 * HEADER_BYTES + 1_000 + len("authorization") + 600


def _with_room(under_way: dict[TP, list[Chunk]]) -> set[TP]:
    consumer = object.__new__(ChunkConsumer)
    consumer.outstanding = Outstanding()
    for parts in under_way.values():
        _begun(consumer.outstanding, *parts)
    return consumer._with_room(under_way)


def test_a_partition_with_much_under_way_waits_for_room() -> None:
    """Much in records, or in bytes; the others do not."""
    small = Chunk(ONE, [_record(0)], 1)
    large = Chunk(TWO, [_record(0)], MAX_BYTES_UNDER_WAY)
    many = [_chunk(TWO, 0, MAX_RECORDS - 1), _chunk(TWO, MAX_RECORDS, 2 * MAX_RECORDS - 1)]
    assert _with_room({ONE: [small], TWO: [large]}) == {ONE}
    assert _with_room({ONE: [small], TWO: many}) == {ONE}
    assert _with_room({ONE: [small], TWO: many[:1]}) == {ONE, TWO}


def test_many_partitions_together_wait_for_room() -> None:
    """However many a worker owns, so much waits in it."""
    share = MAX_BYTES_IN_ALL // 64
    under_way = {TP("chat.commands", n): [Chunk(TP("chat.commands", n), [_record(0)], share)] for n in range(64)}
    assert share < MAX_BYTES_UNDER_WAY
    assert _with_room(under_way) == set()
    under_way.popitem()
    assert len(_with_room(under_way)) == 63
