"""When an owner closes segments, and what of it becomes of the lane."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from chat.broker import Place
from chat.heartbeat import KEY, is_heartbeat
from chat.partition_reader import Kept
from chat.topic_specs import Topic
from streams.chunk import Chunk
from streams.heartbeat import TOPICS, Heartbeats
from streams.lane import Lane
from streams.memory import Memory
from tests.records import Log, settings_for_tests
from tests.wait import until_async
from tests.way import MemoryPublisher

OPEN_FOR: dict[str, int] = dict.fromkeys(TOPICS, 100)


@dataclass
class MemoryLogs(MemoryPublisher):
    """Logs of which one knows how they end."""

    reads: int = 0
    topics: dict[tuple[str, int], list[Any]] = field(default_factory=dict)

    def first_since(self, places: Collection[Place], time: int) -> dict[Place, int]:
        found = {place: [at for at, one in enumerate(self._of(place)) if one.timestamp >= time] for place in places}
        return {place: offsets[0] for place, offsets in found.items() if offsets}

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        return {place: len(self._of(place)) for place in places}

    def newest(self, _settings: object, place: Place) -> Kept | None:
        self.reads += 1
        return next((Kept(0, one.timestamp, one.key, one.value, ()) for one in reversed(self._of(place))), None)

    def _of(self, place: Place) -> list[Any]:
        return self.topics.get(place, [])


async def look(logs: MemoryLogs, *times: int) -> Heartbeats:
    """An owner of two partitions looks at these times."""
    heartbeats = Heartbeats(settings_for_tests(), logs, logs, logs.newest)  # type: ignore[arg-type]
    for now in times:
        await heartbeats.look((0, 1), now, OPEN_FOR)
    return heartbeats


def said(logs: MemoryLogs, topic: Topic = Topic.EVENTS, partition: int = 0) -> list[int]:
    """The times of a partition's heartbeats."""
    return [one.timestamp for one in logs.topics.get((topic, partition), []) if is_heartbeat(one.key, one.value)]


async def test_an_idle_partition_gets_one_heartbeat() -> None:
    """When its newest record is as old as a segment stays open; no other owner adds one; an empty log gets none."""
    logs = MemoryLogs()
    sent = Log(topic=str(Topic.EVENTS)).append(b"words", b"t/l/x", 0)
    at = sent.timestamp
    logs.topics[Topic.EVENTS, 0] = [sent]
    await look(logs, at + 50, at + 100)
    assert said(logs) == []
    await look(logs, at + 101, at + 500, at + 900)
    await look(logs, at + 1_000)
    assert said(logs) == [at + 101]
    assert sum(map(len, logs.topics.values())) == 2


async def test_another_record_is_closed_by_another_heartbeat() -> None:
    """As often as something came and nothing after it; a log that ends as it did is not read again."""
    logs = MemoryLogs()
    sent = Log(topic=str(Topic.COMMANDS)).append(b"words", b"t/l", 1)
    at = sent.timestamp
    logs.topics[Topic.COMMANDS, 1] = [sent]
    heartbeats = await look(logs, at + 200, at + 400)
    reads = logs.reads
    await heartbeats.look((0, 1), at + 600, OPEN_FOR)
    assert logs.reads == reads
    logs.topics[Topic.COMMANDS, 1].append(sent)
    await heartbeats.look((0, 1), at + 800, OPEN_FOR)
    assert said(logs, Topic.COMMANDS, 1) == [at + 200, at + 800]


async def test_a_lane_passes_over_heartbeats() -> None:
    """They have no outcome and are acknowledged; what has a value, or another key, is judged."""
    log, taken, acknowledged, faults = Log(), list[Any](), list[bool](), list[BaseException]()

    class Taking:
        async def go(self, _memory: Memory, records: Any) -> None:
            taken.extend(records)

    like_one = [log.append(b"{}", KEY, 0), log.append(None, b"t/l", 0)]
    chunk = Chunk(("chat.commands", 0), [log.append(None, KEY, 0), *like_one], 0)
    lane = Lane(Taking(), Memory(10), faults.append)
    lane.put(chunk, lambda: acknowledged.append(True))
    await until_async(lambda: acknowledged)
    await lane.stop()
    assert (taken, faults) == (like_one, [])
