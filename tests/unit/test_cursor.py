"""Cursors: only the listing that gave one takes it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import MAX_CHARACTERS, Cursors
from chat.errors import BadInput
from tests.api_client import secret

LISTING = ("messages", "tenant-1", "thread-1")
PLACES = st.lists(st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=20), st.booleans()), max_size=5)


@given(PLACES)
async def test_a_place_comes_back(place: list[object]) -> None:
    """What was sealed for a listing is opened in it, by any process with the secret."""
    assert await Cursors(secret).open(LISTING, await Cursors(secret).seal(LISTING, place)) == place


@given(PLACES, st.integers(0, 10_000), st.sampled_from("ABCabc019-_=+/ .é\n"))
async def test_one_letter_changed_is_refused(place: list[object], where: int, letter: str) -> None:
    """A cursor with one letter changed opens nothing, in whatever bits of it."""
    cursors = Cursors(secret)
    good = await cursors.seal(LISTING, place)
    where %= len(good)
    changed = good[:where] + letter + good[where + 1 :]
    if changed != good:
        with pytest.raises(BadInput):
            await cursors.open(LISTING, changed)
    assert await cursors.open(LISTING, good) == place


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
async def test_any_other_text_is_refused(text: str) -> None:
    """No text but a cursor of ours opens anything or fails in another way."""
    with pytest.raises(BadInput) as caught:
        await Cursors(secret).open(LISTING, text)
    assert caught.value.field == "cursor"


@pytest.mark.parametrize("other", [
    ("threads", "tenant-1", "thread-1"),
    ("messages", "tenant-2", "thread-1"),
    ("messages", "tenant-1", "thread-2"),
    ("messages", "tenant-1"),
    ("messages", "tenant-1", "thread-1", ""),
    ("messagestenant-1", "thread-1"),
])  # fmt: skip
async def test_another_listing_refuses_it(other: tuple[str, ...]) -> None:
    """A cursor is bound to its route, its tenant and what was listed."""
    cursors = Cursors(secret)
    good = await cursors.seal(LISTING, [1])
    assert await cursors.open(LISTING, good) == [1]
    with pytest.raises(BadInput):
        await cursors.open(other, good)


async def test_another_secret_refuses_it() -> None:
    """A cursor of another installation opens nothing."""

    async def other() -> bytes:
        return b"another secret"

    with pytest.raises(BadInput):
        await Cursors(other).open(LISTING, await Cursors(secret).seal(LISTING, [1]))


async def test_pieces_of_a_cursor_are_refused() -> None:
    """Cut, lengthened and overlong ones open nothing."""
    cursors = Cursors(secret)
    good = await cursors.seal(LISTING, [1, "x"])
    pieces = [good[:end] for end in range(len(good))] + [good + "A", good + "=", good * 2, "A" * (MAX_CHARACTERS * 3)]
    for piece in pieces:
        with pytest.raises(BadInput):
            await cursors.open(LISTING, piece)
