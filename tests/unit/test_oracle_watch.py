"""The oracle looks on as long as a run lasts, though Kafka is away for minutes; a look that ended is not overlooked."""

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from cassandra.cluster import NoHostAvailable

from tests.oracle.findings import Finding
from tests.oracle.topics import EVENTS, NoAnswer
from tests.oracle.watch import CommitWatch, EventWatch
from tests.wait import until


class Answers:
    """A group and a reader in one, with these answers to one question after the other, then always the last."""

    def __init__(self, *answers: BaseException | dict[int, int]) -> None:
        self._answers: Iterator[BaseException | dict[int, int]] = iter(answers)
        self._last = answers[-1]

    def committed(self) -> dict[int, int]:
        answer = next(self._answers, self._last)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def ends(self) -> dict[tuple[str, int], int]:
        return {("chat.events", 0): 7}


def watch(*answers: BaseException | dict[int, int]) -> CommitWatch:
    told = Answers(*answers)
    return CommitWatch(told, told)  # type: ignore[arg-type]


def test_it_goes_on_after_a_minute_without_an_answer() -> None:
    with watch({0: 3}, NoAnswer("a minute"), {0: 5}) as commits:
        until(lambda: len(commits.samples) == 2)
    assert [one.committed for one in commits.samples] == [{0: 3}, {0: 5}]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watch_that_ended_is_a_failure() -> None:
    commits = watch(ValueError("of another kind"))
    with pytest.raises(AssertionError, match="ended in the middle"), commits:
        until(lambda: not commits._thread.is_alive())


def test_a_look_that_cassandra_does_not_answer_is_taken_again() -> None:
    """And the events that came with it are looked at after it."""
    record = SimpleNamespace(fields={"tenant_id": "t", "learner_id": "l"})
    came = [SimpleNamespace(topic=EVENTS, is_tombstone=False, key=b"k", name=name, record=record) for name in "ab"]
    watched = EventWatch(Mock(poll=Mock(side_effect=[came, [], []])), Mock())
    watched._effects = Mock(missing=Mock(side_effect=[NoHostAvailable("away", {}), "row", ""]))
    with pytest.raises(NoHostAvailable):
        watched._look()
    watched._look()
    assert (watched.looked, watched.findings) == (
        2,
        [(("t", "l"), Finding("event_before_row", "a can be read, and not yet its row"))],
    )
