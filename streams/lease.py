"""Whether this worker still owns what it was assigned.

A worker that slept, or whose coordinator did not hear it for a while, may have a successor and not know it. What it
writes late does no harm: write times see to that. But what it *says* late would stand behind its successor's words: the
content of a message after its Kafka tombstone, or a refusal judged by rows that are newer than the record.
"""

from collections.abc import Awaitable, Callable

from chat.clock import seconds
from chat.errors import BrokerUnavailable

SESSION_SECONDS = 6.0
"""How long the group waits for a silent worker, and so most of the time until a killed one's partitions are at work
elsewhere. The least that a broker takes as installed (`group.min.session.timeout.ms`)."""

FRESH_SECONDS = 0.4 * SESSION_SECONDS
"""How long an answer counts: less than half of the session timeout, so that what follows has time to be sent."""

RENEW_SECONDS = FRESH_SECONDS / 2
"""Asked again after this time, so that an answer still counts when what was said after it has been heard."""


class Lease:
    """`heartbeat` asks the group's coordinator: True where this worker is a member of the present generation."""

    def __init__(self, heartbeat: Callable[[], Awaitable[bool]], clock: Callable[[], float] = seconds) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._confirmed = float("-inf")

    @property
    def is_fresh(self) -> bool:
        """Whether the last answer still counts."""
        return self._age() < FRESH_SECONDS

    async def confirm(self) -> None:
        """Returns where the worker owned its partitions until now. Raises `BrokerUnavailable` where nobody says so.

        Then either the coordinator answers later, or a rebalance takes the partitions away.
        """
        if self._age() < RENEW_SECONDS:
            return
        asked = self._clock()
        if not await self._heartbeat():
            raise BrokerUnavailable("the group does not say that this worker is a member")
        self._confirmed = asked

    def _age(self) -> float:
        return self._clock() - self._confirmed
