"""Sealed cells: they open where they were sealed, and nowhere else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.domain.model import LearnerId
from chat.errors import CellDamaged
from chat.privacy.envelope import DataKey, bound
from chat.storage.sealing import Cells, lost, plain

KEY = bytes(range(32))
LEARNER = LearnerId("tenant-1", "learner-1", 1)
PLACE = ("content", "thread-1", "message-1")

TEXTS = st.text(st.characters(codec="utf-8"))


@settings(deadline=None)
@given(TEXTS)
def test_a_cell_opens_to_its_text(text: str) -> None:
    """Letter by letter, whatever they are."""
    key = DataKey(KEY, 1, LEARNER)
    assert key.open(key.seal(text, *PLACE), *PLACE) == text


def test_a_second_run_makes_the_same_cell() -> None:
    """The same text at the same place is the same cell; another text or place has another nonce."""
    first, second = DataKey(KEY, 1, LEARNER), DataKey(KEY, 1, LEARNER)
    cell = first.seal("hello", *PLACE)
    assert second.seal("hello", *PLACE) == cell
    others = [first.seal("hellp", *PLACE), first.seal("hello", "metadata", *PLACE[1:])]
    assert len({one[2:14] for one in (cell, *others)}) == 3


def test_a_cell_shows_nothing_of_its_text() -> None:
    """Neither the text nor its first letters."""
    cell = DataKey(KEY, 1, LEARNER).seal("the cat sat on the mat", *PLACE)
    assert b"cat" not in cell
    assert len(cell) == 1 + 1 + 12 + len("the cat sat on the mat") + 16


@pytest.mark.parametrize(
    ("learner", "version", "place"),
    [
        (LEARNER._replace(tenant_id="tenant-2"), 1, PLACE),
        (LEARNER._replace(learner_id="learner-2"), 1, PLACE),
        (LEARNER._replace(generation=2), 1, PLACE),
        (LearnerId("tenant-1l", "earner-1", 1), 1, PLACE),
        (LEARNER, 2, PLACE),
        (LEARNER, 1, ("metadata", "thread-1", "message-1")),
        (LEARNER, 1, ("content", "thread-2", "message-1")),
        (LEARNER, 1, ("content", "thread-1", "message-2")),
        (LEARNER, 1, ("content", "thread-1m", "essage-1")),
        (LEARNER, 1, ("content", "thread-1", "")),
    ],
)
def test_a_cell_opens_nowhere_else(learner: LearnerId, version: int, place: tuple[str, str, str]) -> None:
    """Moved to another tenant, learner, life, field, thread or message, it is damaged."""
    cell = DataKey(KEY, 1, LEARNER).seal("hello", *PLACE)
    with pytest.raises(CellDamaged):
        DataKey(KEY, version, learner).open(cell, *place)


@settings(deadline=None)
@given(st.integers(0, 46), st.integers(1, 255))
def test_a_changed_byte_is_noticed(at: int, change: int) -> None:
    """Whichever byte it is, a cell that was tampered with does not open."""
    key = DataKey(KEY, 1, LEARNER)
    cell = bytearray(key.seal("hello, hello, hello", *PLACE))
    assert len(cell) > at
    cell[at] ^= change
    with pytest.raises(CellDamaged):
        key.open(bytes(cell), *PLACE)


@pytest.mark.parametrize("length", [0, 1, 2, 13, 29])
def test_a_cell_that_was_cut_is_noticed(length: int) -> None:
    """Also where not even its head is whole."""
    cell = DataKey(KEY, 1, LEARNER).seal("hello", *PLACE)
    with pytest.raises(CellDamaged):
        Cells(DataKey(KEY, 1, LEARNER), sealed=True).open(cell[:length], *PLACE)


@pytest.mark.parametrize("sealed", [True, False])
def test_plain_and_sealed_cells_both_open(sealed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Whatever new cells are, old ones of either kind are readable."""
    key = DataKey(KEY, 1, LEARNER)
    cells = Cells(key, sealed=sealed)
    assert cells.open(plain("hello"), *PLACE) == cells.open(key.seal("hello", *PLACE), *PLACE) == "hello"
    assert (b"hello" in cells.seal("hello", *PLACE)) is not sealed


def test_without_its_key_a_sealed_cell_is_damaged() -> None:
    """No key, or a version byte that nobody knows."""
    cell = DataKey(KEY, 1, LEARNER).seal("hello", *PLACE)
    for one in (cell, b"\x02" + cell[1:]):
        with pytest.raises(CellDamaged):
            Cells(None, sealed=True).open(one, *PLACE)


def test_what_is_lost_opens_for_nobody() -> None:
    """Each time another key, which only that object ever had."""
    first, second = lost(LEARNER), lost(LEARNER)
    with pytest.raises(CellDamaged):
        second.open(first.seal("hello", *PLACE), *PLACE)


@settings(deadline=None)
@given(st.lists(TEXTS), st.lists(TEXTS))
def test_no_two_lists_are_bound_alike(one: list[str], other: list[str]) -> None:
    """Only equal lists give equal additional data."""
    assert (bound(*one) == bound(*other)) == (one == other)
