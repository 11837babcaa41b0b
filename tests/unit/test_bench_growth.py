"""What the benchmark does where time is short, and how it shares out work among workers."""

from collections import Counter

import pytest

from bench.growth.curve import Budget
from bench.house import PARTITIONS
from bench.workloads.balanced import BALANCED, EACH, TOUCHES
from chat.domain.partition import learner_key, partition_of


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _done(seconds: float) -> list[int]:
    """Sizes that were begun, each of which took a hundredth of a second a thread."""
    clock, done = Clock(), []
    for size in Budget(seconds, clock).sizes("threads", [100, 1_000, 10_000]):
        clock.now += size / 100
        done.append(size)
    return done


def test_a_size_for_which_there_is_no_time_is_left_out_and_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    """It is ten times the one before, which took 10 of 100 seconds."""
    assert _done(100) == [100, 1_000]
    assert "left out: 10,000 threads: some 100 s, 89 are left" in capsys.readouterr().out


def test_every_size_is_done_where_there_is_time(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is said."""
    assert _done(200) == [100, 1_000, 10_000]
    assert not capsys.readouterr().out


def test_the_first_size_is_always_done() -> None:
    """The servers' start may have taken all of the time: a part without a point would say nothing."""
    assert _done(0) == [100]


def test_every_partition_gets_as_many_of_the_balanced_commands() -> None:
    """And after `TOUCHES` of them every thread has had one."""
    commands = list(BALANCED.commands(BALANCED, TOUCHES, 0))
    keys = [learner_key(one.fields["tenant_id"], one.fields["learner_id"]).encode() for one in commands]
    assert Counter(partition_of(key, PARTITIONS) for key in keys) == dict.fromkeys(range(PARTITIONS), EACH)
    assert len({one.fields["thread_id"] for one in commands}) == TOUCHES
