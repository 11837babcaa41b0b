"""What holds for every property."""

from collections.abc import Iterator

import pytest

from streams import recent


@pytest.fixture(autouse=True, scope="module")
def _old_messages_are_recent_too() -> Iterator[None]:
    """A log's messages are as old as their broker times, and would all be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent, "EXPIRING_SECONDS", -1e12)
        yield
