"""The oracle's eye for what compaction leaves of the events."""

import time
from collections.abc import Sequence

from tests.oracle import good, order
from tests.oracle.hand import Hand
from tests.oracle.intents import Logged
from tests.oracle.model import Expected, Model
from tests.oracle.topics import EVENTS, Said


def _kinds(expected: Sequence[Expected], model: Model, *places: int, overlapping: bool = False) -> set[str]:
    said = [
        Said(EVENTS, 0, offset, one.key.encode(), b"an event", (("correlation-id", str(number).encode()),))
        for offset, one in enumerate(expected[place] for place in places)
        for number in (one.logged.intent.number,)
    ]
    return {one.kind for one in order.check(model, expected, said, overlapping=overlapping)}


def test_an_older_word_at_the_end_is_seen() -> None:
    """Of a thread that was renamed; not where all is said again, or a second owner may have slept as it spoke."""
    hand, model = Hand(1, 1, 1, time.time()), Model({}, 0)
    intents = [good.create(hand), good.post(hand), good.update(hand)]
    expected = model.judge(Logged(one, 0, at, 1_768_473_000_000 + at) for at, one in enumerate(intents))
    assert [one.kind for one in expected] == ["applied"] * 3
    assert _kinds(expected, model, 0, 1, 2) == set()
    assert _kinds(expected, model, 0, 1, 2, 0, 1, 2) == set()
    assert _kinds(expected, model, 0, 1, 2, 0) == {"order"}
    assert _kinds(expected, model, 0, 1, 2, 0, overlapping=True) == set()
