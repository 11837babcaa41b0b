"""Times as the API writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timestamps import EARLIEST, LATEST, from_text, to_text
from schemas.timestamps import quick_text as time


@given(st.integers(EARLIEST, LATEST))
def test_a_time_is_written_as_in_events(millis: int) -> None:
    """The quick way gives what the plain one gives, and can be read back."""
    assert time(millis) == to_text(millis)
    assert from_text(time(millis)) == millis


@pytest.mark.parametrize(("millis", "text"), [
    (0, "1970-01-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (1_768_473_000_123, "2026-01-15T10:30:00.123Z"),
    (1_768_473_059_999, "2026-01-15T10:30:59.999Z"),
])  # fmt: skip
def test_times_that_are_known(millis: int, text: str) -> None:
    """Before and after 1970, and to the end of a minute."""
    assert time(millis) == text
