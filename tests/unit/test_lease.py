"""Whether a worker still owns its partitions."""

import pytest

from chat.errors import BrokerUnavailable
from streams.lease import FRESH_SECONDS, RENEW_SECONDS, Lease


class Coordinator:
    """Answers heartbeats and keeps the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.knows = True
        self.takes = 0.0

    async def heartbeat(self) -> bool:
        self.asked += 1
        self.now += self.takes
        return self.knows

    def lease(self) -> Lease:
        return Lease(self.heartbeat, lambda: self.now)


async def test_a_fresh_answer_is_not_asked_for_again() -> None:
    """One heartbeat serves all that is said soon after it, and none that is said later."""
    group = Coordinator()
    lease = group.lease()
    for _ in range(3):
        await lease.confirm()
    assert group.asked == 1
    group.now += FRESH_SECONDS
    await lease.confirm()
    assert group.asked == 2


async def test_who_may_speak_has_time_to_be_heard() -> None:
    """However old the answer is that lets one speak, it counts for some time yet."""
    group = Coordinator()
    lease = group.lease()
    await lease.confirm()
    for _ in range(30):
        group.now += 0.3
        await lease.confirm()
        group.now += FRESH_SECONDS - RENEW_SECONDS - 0.01
        assert lease.is_fresh


async def test_a_member_that_slept_and_was_given_up_may_not_speak() -> None:
    """After a sleep it asks, and as long as the group does not know it, it is not let through."""
    group = Coordinator()
    lease = group.lease()
    await lease.confirm()
    group.now, group.knows = group.now + 60, False
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await lease.confirm()
    group.knows = True
    await lease.confirm()


async def test_an_answer_counts_from_when_it_was_asked_for() -> None:
    """A sleep between question and answer leaves no more than what the coordinator saw."""
    group = Coordinator()
    lease = group.lease()
    group.takes = FRESH_SECONDS
    await lease.confirm()
    group.takes = 0
    await lease.confirm()
    assert group.asked == 2
