"""The oracle's comparison of what was said with what had to be said."""

import time

import schemas
from tests.oracle import good, outcomes
from tests.oracle.hand import Hand
from tests.oracle.intents import Logged
from tests.oracle.model import Expected
from tests.oracle.topics import REJECTIONS, Said

RECORD = Logged(good.create(Hand(1, 1, 1, time.time())), 0, 7, 1_768_473_000_000)


def _refused(code: str) -> Said:
    intent = RECORD.intent
    names = ("command_id", "tenant_id", "learner_id")
    place = {"topic": "chat.commands", "partition": 0, "offset": 7, "timestamp": RECORD.timestamp}
    fields = {**{name: intent.fields[name] for name in names}, "code": code, "detail": "", "event_id": None, **place}
    return Said(REJECTIONS, 0, 1, "/".join(intent.learner).encode(), schemas.encode("CommandRejected", fields), ())


def test_what_is_said_twice_is_seen() -> None:
    """Where a run has no cause to say anything twice, the same bytes are one too many."""
    once, twice = ([_refused("thread_exists")] * times for times in (1, 2))
    assert list(outcomes.check_once({RECORD.place: once})) == []
    assert [one.kind for one in outcomes.check_once({RECORD.place: twice})] == ["double"]


def _kinds(expected: str, *said: str, ended: bool) -> set[str]:
    found = outcomes.late_ones_last({RECORD.place: [_refused(code) for code in said]})
    judged = outcomes.check([Expected(RECORD, "refused", expected)], found, {RECORD.place} if ended else ())
    return {one.kind for one in judged}


def test_a_run_that_was_cut_off_may_have_refused_for_another_cause() -> None:
    """Where the next run found the life over, and only there; a cause that stands alone is as wrong as ever."""
    assert _kinds("learner_erased", "thread_exists", "learner_erased", ended=True) == set()
    assert _kinds("learner_erased", "thread_exists", ended=True) == {"wrong_outcome"}
    assert _kinds("learner_erased", "thread_exists", "learner_erased", ended=False) == {"wrong_outcome", "repeat"}


def test_what_was_refused_before_a_life_ended_keeps_its_code() -> None:
    """A second run may find the life over; the first one's word counts."""
    assert _kinds("thread_exists", "thread_exists", "learner_erased", ended=True) == set()
    assert _kinds("thread_exists", "learner_erased", ended=True) == {"wrong_outcome"}
    assert _kinds("thread_exists", "thread_full", "learner_erased", ended=True) == {"wrong_outcome"}
