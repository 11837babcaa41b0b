"""What a stress run sends, and what its witness notices."""

from itertools import islice

import pytest

import schemas
from bench.measure import MeasurementError
from bench.stress.large import LARGE
from bench.stress.neighbour import HALF
from bench.stress.witness import ALL, BESIDE, ELSEWHERE, ONE, Kinds, Order
from chat.domain.commands import PostMessage
from chat.domain.validate import validate


def test_a_thread_that_goes_on_by_one_is_in_order() -> None:
    """Wherever the run began, and whatever other threads do."""
    order = Order()
    for thread_id, seq in (("a", 7), ("b", 1), ("a", 8), ("b", 2)):
        order.take(thread_id, seq)


@pytest.mark.parametrize("seq", [7, 6, 9], ids=["again", "back", "a gap"])
def test_a_thread_that_does_not_go_on_by_one_is_noticed(seq: int) -> None:
    """Said twice, out of order, or left out."""
    order = Order()
    order.take("a", 7)
    with pytest.raises(MeasurementError, match=f"thread a: {seq} came after 7"):
        order.take("a", seq)


def test_ages_are_told_apart_by_whose_partition_they_share() -> None:
    """The one learner, its partition's others, and those elsewhere; also of those who came before it."""
    kinds = Kinds("loud")
    for learner, partition, age in (("quiet", 1, 0.25), ("loud", 1, 0.5), ("far", 2, 0.125), ("quiet", 1, 0.75)):
        kinds.take(learner, partition, 100.0, 100.0 + age)
    assert {kind: seen.p50 for kind, seen in kinds.seen().items()} == {ONE: 500.0, BESIDE: 750.0, ELSEWHERE: 125.0}
    assert kinds.seconds == pytest.approx(0.625)


def test_without_the_one_learner_all_are_alike() -> None:
    """Of any partition."""
    kinds = Kinds("")
    for partition in range(3):
        kinds.take("somebody", partition, 100.0, 101.0 + partition)
    assert list(kinds.seen()) == [ALL]
    assert kinds.seen()[ALL].p999 == 3_000.0


def test_one_learner_has_half_of_all_commands() -> None:
    """And the rest is shared by the others."""
    learners = [one.fields["learner_id"] for one in islice(HALF.commands(HALF, 1_000, 0), 1_000)]
    assert learners.count(HALF.place(0).learner_id) == 501
    assert len(set(learners)) == 500


def test_a_large_command_has_all_that_the_contract_allows() -> None:
    """A byte more of either would be refused."""
    fields = next(LARGE.commands(LARGE, 1, 0)).fields
    content, metadata = fields["content"], fields["metadata"]
    assert validate(_read(fields)) is None
    assert validate(_read(fields | {"content": content + "x"})) == ("content", "must be at most 16384 bytes of UTF-8")
    assert validate(_read(fields | {"metadata": metadata.replace("x", "xx", 1)})) is not None


def _read(fields: dict[str, object]) -> PostMessage:
    return PostMessage(**schemas.decode(schemas.encode("PostMessage", fields)).fields)
