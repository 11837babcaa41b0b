"""How long a partition stood still is told right by whoever measures it under faults."""

import pytest

from tests.fault.pulse import longest_gap


@pytest.mark.parametrize(
    ("beats", "longest"),
    [
        ([9.0, 10.5, 11.0, 19.9], 8.9),
        ([9.0, 10.5], 9.5),
        ([1.0], 19.0),
        ([1.0, 8.0, 9.9, 10.1, 12.0, 14.0, 16.0, 18.0, 19.0, 31.0], 2.0),
        ([1.0, 11.0, 14.0, 18.0], 10.0),
    ],
    ids=["that-ended", "that-goes-on", "that-began-before-and-goes-on", "earlier-and-later-ones", "that-began-before"],
)
def test_the_longest_gap(beats: list[float], longest: float) -> None:
    """From 10.0 to 20.0, whole gaps of which a part lies in it; one without an end counts as far as one has looked."""
    assert longest_gap(beats, 10.0, 20.0) == pytest.approx(longest)
