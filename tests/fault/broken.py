"""Workers that break the rules, to know that the oracle would see it. Run one: `python -m tests.fault.broken KIND`."""

import asyncio
import dataclasses
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chat.domain.commands import PostMessage
from chat.domain.position import position
from chat.domain.privacy import Request, RequestKey
from chat.domain.verdict import Verdict
from chat.privacy.erasure_notes import Notes
from chat.privacy.job import Jobs, Save, registry
from chat.settings import Settings, load
from chat.storage import learner_keys, rows, wire
from chat.storage.cassandra_store import CassandraStore
from chat.storage.writes import ThreadWrite
from chat.topic_specs import Topic
from streams import bootstrap
from streams.app import WorkerApp
from streams.apply import Judge
from streams.bootstrap import MakeJobs, Servers, privacy_jobs
from streams.chunk import Chunk
from streams.emit import Emitter
from streams.erasure import Erasure
from streams.facts import Facts
from streams.lane import Acknowledge, CommandWay, Lane, WayOfTopic
from streams.lanes import Lanes
from streams.memory import Memory
from streams.records import Admitted
from streams.run import Build, run
from streams.store import store
from streams.waiting import Waiting
from streams.way import Way
from streams.work import Work
from tests.mortal import hasty_runner

T = TypeVar("T")
PROGRAM = "tests.fault.broken"
SLOW_SECONDS = 3.0
KEPT_SECONDS = 20.0
"""How long a learner's key stays in memory: longer than slow speech takes, for a worker without it could not write."""

HASTY: set[RequestKey] = set()
"""The hasty erasures between their fences and the ends of their sweeps, however long the machine makes that."""

IDLE = asyncio.Event()
IDLE.set()


class EarlyAcknowledgement(Lanes):
    """Acknowledges a chunk when it takes it, not when it is written."""

    def put(self, chunk: Chunk, acknowledge: Acknowledge) -> None:
        super().put(chunk, lambda: None)
        acknowledge()


class TwoLanes(Lanes):
    """Hands the chunks of a partition, and so of a learner, to two lanes, each with a memory of its own."""

    def _lane(self, chunk: Chunk) -> Lane:
        return self._numbered(chunk.next_offset % 2)


class EventFirst(CommandWay):
    """Says what it did before it has done it."""

    async def _finish(self, work: Work) -> None:
        await self.emitter.turn_away(work)
        await self.emitter.emit(work)
        await store(self.rows, self.waiting, work)


class RowsFirst(CommandWay):
    """Removes what a deleted thread held before it is off the events."""

    async def _finish(self, work: Work) -> None:
        await store(self.rows, self.waiting, work)
        for deletion in work.deletions:
            await self.rows.purge(deletion.key, deletion.thread, [])
        await CommandWay._finish(self, work)


class LateEdits(CommandWay):
    """Writes a changed message as of now, not as of its command."""

    async def _finish(self, work: Work) -> None:
        now = time.time_ns() // 1000
        work.changes = [one._replace(write_time=now) for one in work.changes]
        await CommandWay._finish(self, work)


class SlowSpeech(CommandWay):
    """Speaks a while after it has judged, and not while a hasty erasure is at work: right, and slow."""

    async def _finish(self, work: Work) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        await IDLE.wait()
        await CommandWay._finish(self, work)


class DrawnSeq(Judge):
    """Draws a message's seq, so that a second run would draw another one."""

    def _verdict(self, one: Admitted, memory: Memory, facts: Facts) -> Verdict:
        held = memory[one.thread.learner].threads[one.thread.thread_id]
        if isinstance(one.command, PostMessage) and held.thread is not None:
            held.thread = held.thread._replace(last_seq=held.thread.last_seq + random.randrange(2))
        return Judge._verdict(self, one, memory, facts)


class BareOffset(Judge):
    """Takes an offset for a command's place in the log, whatever log that is."""

    def _position(self, one: Admitted) -> int:
        return int(one.record.offset)


class DatelessStore(CassandraStore):
    """Leaves it to Cassandra to date what a list shows of a thread's activity: as of now."""

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        dateless = rows._LIST_ACTIVITY.replace(" USING TIMESTAMP ?", "")
        prepared = await self._connection.prepare(dateless)
        self._rows._heads[rows._LIST_ACTIVITY] = wire.head(prepared, dateless.count("?"))
        await super().write_list(threads)

    async def _write(self, packed: Iterable[rows.Row]) -> None:
        dateless = self._rows._heads[rows._LIST_ACTIVITY]
        await super()._write([_without_time(one) if one.packed.startswith(dateless) else one for one in packed])


def _without_time(row: rows.Row) -> rows.Row:
    return row._replace(packed=row.packed[: -len(wire.bigint(0))])


class HastyErasure(Erasure):
    """Removes a life's words before the owner of its partition has come to the fence."""

    async def do(self, request: Request, step: str, save: Save) -> str:
        if step == "fence":
            HASTY.add(request.key)
            IDLE.clear()
        done = await Erasure.do(self, request, step, save)
        if step == "sweep":
            HASTY.discard(request.key)
            if not HASTY:
                IDLE.set()
        return done

    async def _drain(self, _request: Request, notes: Notes) -> Notes:
        return notes._replace(fence=position(1, 0))


async def hasty_jobs(settings: Settings, servers: Servers, waiting: Waiting, emitter: Emitter) -> Jobs:
    """The service's own, but for the hasty erasure."""
    jobs = await privacy_jobs(settings, servers, waiting, emitter)
    return registry(*(_as(HastyErasure, one) if isinstance(one, Erasure) else one for one in jobs.values()))


@dataclass(frozen=True)
class Breakage:
    """The classes of which a worker is built."""

    lanes: type[Lanes] = Lanes
    way: type[CommandWay] = CommandWay
    judge: type[Judge] = Judge
    store: type[CassandraStore] = CassandraStore
    jobs: MakeJobs = privacy_jobs


BROKEN: Mapping[str, Breakage] = {
    "none": Breakage(),
    "acknowledge-before-write": Breakage(lanes=EarlyAcknowledgement),
    "two-lanes-for-one-learner": Breakage(lanes=TwoLanes),
    "event-before-row": Breakage(way=EventFirst),
    "rows-before-tombstones": Breakage(way=RowsFirst),
    "edits-at-the-wall-clock": Breakage(way=LateEdits),
    "drawn-seq": Breakage(judge=DrawnSeq),
    "bare-offset": Breakage(judge=BareOffset),
    "write-without-its-time": Breakage(store=DatelessStore),
    "slow-speech": Breakage(way=SlowSpeech),
    "fence-not-waited-for": Breakage(way=SlowSpeech, jobs=hasty_jobs),
}


def builder(kind: str) -> Build:
    """How that worker is built: as the real one is, but for what is broken."""
    broken = BROKEN[kind]

    async def build(settings: Settings, servers: Servers, waiting: Waiting) -> WorkerApp:
        app = await bootstrap.build(settings, servers, waiting, broken.jobs)
        ways = app.lanes._way
        assert isinstance(ways, WayOfTopic)
        commands = _break(ways.ways, broken)
        ways = WayOfTopic({**ways.ways, Topic.COMMANDS: commands})
        app.lanes = broken.lanes(ways, app.fail, commands.rows.forget_lives)
        return app

    return build


def _break(ways: Mapping[str, Way], broken: Breakage) -> CommandWay:
    whole = ways[Topic.COMMANDS]
    assert isinstance(whole, CommandWay)
    whole.rows.__class__ = broken.store
    return _as(broken.way, dataclasses.replace(whole, judge=_as(broken.judge, whole.judge)))


def _as(kind: type[T], one: Any) -> T:
    """The same parts as another kind of thing."""
    return kind(**{field.name: getattr(one, field.name) for field in dataclasses.fields(one)})


if __name__ == "__main__":
    learner_keys.KEPT_SECONDS = KEPT_SECONDS
    with hasty_runner():
        sys.exit(run(load(), builder(sys.argv[1])))
