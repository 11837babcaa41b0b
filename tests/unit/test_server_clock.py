"""The time by which rows expire is Cassandra's."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from chat.storage.server_clock import RENEW_SECONDS, ServerClock


class Row(NamedTuple):
    millis: int


@dataclass
class Node:
    """A node with a clock of its own, beside the seconds that pass here."""

    millis: int = 1_000_000
    passed: float = 5.0
    asked: int = 0

    async def execute(self, _statement: object) -> list[Row]:
        self.asked += 1
        return [Row(self.millis)]

    def clock(self) -> ServerClock:
        return ServerClock(self, lambda: self.passed)  # type: ignore[arg-type]


async def test_it_goes_on_from_what_the_node_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the seconds that pass, whatever the worker's own clock says; and the node is not asked for each write."""
    node = Node()
    clock = node.clock()
    assert await clock.now() == 1_000.0
    monkeypatch.setattr("time.time", lambda: 0.0)
    node.passed += 7
    assert await clock.now() == 1_007.0
    assert node.asked == 1


async def test_it_is_asked_for_now_and_then() -> None:
    """So that a clock that was put right counts."""
    node = Node()
    clock = node.clock()
    await clock.now()
    node.passed += RENEW_SECONDS + 1
    node.millis = 2_000_000
    assert await clock.now() == 2_000.0
    assert node.asked == 2
