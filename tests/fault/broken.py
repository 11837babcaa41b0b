"""Workers that break the rules, to know that the oracle would see it. Run one: `python -m tests.fault.broken KIND`."""

import dataclasses
import sys
import time

from chat.settings import Settings, load
from streams.app import WorkerApp, make_app
from streams.bootstrap import Servers, command_way
from streams.chunk import Chunk
from streams.lane import Acknowledge, CommandWay, Lane
from streams.lanes import Lanes
from streams.run import Build, run
from streams.store import store
from streams.waiting import Waiting
from streams.work import Work

PROGRAM = "tests.fault.broken"


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


BROKEN: dict[str, tuple[type[Lanes], type[CommandWay]]] = {
    "acknowledge-before-write": (EarlyAcknowledgement, CommandWay),
    "two-lanes-for-one-learner": (TwoLanes, CommandWay),
    "event-before-row": (Lanes, EventFirst),
    "rows-before-tombstones": (Lanes, RowsFirst),
    "edits-at-the-wall-clock": (Lanes, LateEdits),
    "none": (Lanes, CommandWay),
}


def builder(kind: str) -> Build:
    """How that worker is built: as the real one is, but for the one class that is broken."""
    lanes, way = BROKEN[kind]

    async def build(settings: Settings, servers: Servers, waiting: Waiting) -> WorkerApp:
        app = make_app(settings, waiting)
        whole = await command_way(settings, servers, waiting, app)
        assert isinstance(whole, CommandWay)
        parts = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
        app.lanes = lanes(way(**parts), app.fail)
        return app

    return build


if __name__ == "__main__":
    sys.exit(run(load(), builder(sys.argv[1])))
