"""The way of a command, many at a time, in the lane of its partition.

A learner's records are all on one partition, and a partition has one lane, so a learner's commands go one after the
other in the log's order. A lane has several partitions, and takes what waits of all of them as one trip: a trip's cost
is its few statements and its one request to Kafka, whatever it carries.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chat.errors import KeysUnavailable
from chat.heartbeat import is_heartbeat
from chat.storage.store import Store
from chat.tracing import span
from streams.account import account
from streams.apply import Judge
from streams.authorise import Gate
from streams.chunk import Chunk
from streams.decode import decode
from streams.emit import Emitter
from streams.fence import Fences
from streams.lease import Lease
from streams.memory import Memory
from streams.opening import Opening
from streams.purge import purge, take_back, take_back_late
from streams.records import Admitted, DeadLetter, Fence, Opened, Record, Refusal
from streams.store import store
from streams.waiting import Waiting
from streams.way import Way
from streams.work import Work

T = TypeVar("T")
Acknowledge = Callable[[], object]

TRIP = 500
"""Records after which a trip takes no further chunk."""

TRIP_BYTES = 2 * 2**20
"""Bytes of values after which it takes none either: what a trip writes to one thread stays far below what Cassandra
takes as one mutation (8 MiB where it is embedded, 16 MiB by its default)."""


@dataclass(frozen=True, slots=True)
class CommandWay:
    """open → decode → authorise → apply → store → emit. Fences among a trip's records: see `streams.fence`."""

    gate: Gate
    judge: Judge
    rows: Store
    emitter: Emitter
    waiting: Waiting
    lease: Lease
    fences: Fences
    opening: Opening

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:
        work, fences = Work(), list[Fence]()
        with span("decode and authorise"):
            admitted = await self._admit(records, work, fences)
        # Judging writes too: it begins lives and claims ids of threads, which nobody takes back after an erasure.
        await self.waiting.until_served(self.lease.confirm)
        with span("apply"):
            reached = await self.fences.reach(memory, fences, work)
            await self.judge.judge(memory, admitted, work)
        await self._finish(work)
        await self.fences.pass_by(reached)
        account(records, work)

    async def _finish(self, work: Work) -> None:
        """Refusals before rows: when the record is read again, what it was judged by may have changed.

        Rows before events: when an event can be read, every read shows its effect. Nothing is said, and nothing written
        that was judged, by a worker that has a successor.
        """
        await self.waiting.until_served(self.lease.confirm)
        await self.emitter.turn_away(work)
        with span("store"):
            await store(self.rows, self.waiting, work)
        await self.waiting.until_served(self.lease.confirm)
        with span("emit"):
            await self.emitter.emit(work)
        if not self.lease.is_fresh:  # it may have slept while it spoke
            await take_back(self.rows, self.emitter, self.waiting, work)
        await take_back_late(self.emitter, work)
        for deletion in work.deletions:
            await purge(self.rows, self.emitter, self.waiting, deletion)

    async def _admit(self, records: Sequence[Record], work: Work, fences: list[Fence]) -> list[Admitted]:
        admitted = []
        for record, value in zip(records, await self.opening.open(records), strict=True):
            one = await self._admit_one(record, value)
            if isinstance(one, Admitted):
                admitted.append(one)
            elif isinstance(one, Fence):
                fences.append(one)
            elif isinstance(one, Refusal):
                work.refusals.append(one)
            else:
                work.dead_letters.append(one)
        return admitted

    async def _admit_one(self, record: Record, value: Opened) -> Admitted | Fence | Refusal | DeadLetter:
        decoded = decode(record, value)
        if isinstance(decoded, DeadLetter):
            return self.gate.seal.require_foreign(decoded)
        return await until_known(lambda: self.gate.authorise(decoded), self.gate, record, self.waiting)


async def until_known(judge: Callable[[], T], gate: Gate, record: Record, waiting: Waiting) -> T:
    """What `judge` says of a record, once it is known which keys its token may be signed with."""
    try:
        return judge()
    except KeysUnavailable:
        await waiting.until_served(lambda: gate.settle(record))
    return judge()


@dataclass(frozen=True, slots=True)
class WayOfTopic:
    """The records of each topic go its own way, those of a trip side by side."""

    ways: Mapping[str, Way]

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:
        by_topic: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_topic[record.topic].append(record)
        await asyncio.gather(*(self.ways[topic].go(memory, mine) for topic, mine in by_topic.items()))


class Lane:
    """Its partitions' chunks, one trip after the other. An unexpected error goes to `fail`, and ends the lane."""

    def __init__(self, way: Way, memory: Memory, fail: Callable[[BaseException], None]) -> None:
        self._way = way
        self._memory = memory
        self._fail = fail
        self._queue: asyncio.Queue[tuple[Chunk, Acknowledge]] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    def put(self, chunk: Chunk, acknowledge: Acknowledge) -> None:
        """Appends a chunk; `acknowledge` is called when every record of it has its outcome."""
        self._queue.put_nowait((chunk, acknowledge))

    async def _run(self) -> None:
        try:
            while True:
                taken = await self._take()
                records = [record for chunk, _ in taken for record in chunk.records]
                await self._way.go(self._memory, [one for one in records if not is_heartbeat(one.key, one.value)])
                for _, acknowledge in taken:
                    acknowledge()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: see `fail`
            self._fail(error)

    async def _take(self) -> list[tuple[Chunk, Acknowledge]]:
        """What came while the lane was at work, until it is a whole trip: the slower the servers, the fewer trips."""
        taken: list[tuple[Chunk, Acknowledge]] = []
        records = size = 0
        while not taken or (records < TRIP and size < TRIP_BYTES and not self._queue.empty()):
            taken.append(await self._queue.get())
            chunk, _ = taken[-1]
            records, size = records + len(chunk.records), size + chunk.size
        return taken

    async def stop(self) -> None:
        """Ends the lane where it is; what it has not acknowledged is read again by the next owner."""
        self._task.cancel()
        await asyncio.wait({self._task})
