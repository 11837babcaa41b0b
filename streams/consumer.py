"""Faust's consumer, handing whole chunks to the agent and committing them in offset order.

Faust's own loop makes four tasks a record and can commit past an unfinished one. This subclass keeps what is good,
the group membership, the rebalance protocol and the thread that fetches, and replaces how records come in
(`_drain_messages`), how they are acknowledged (`ack`, `_filter_tps_with_pending_acks`, `_new_offset`, `_add_gap`)
and where it starts reading (`perform_seek`).
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import OffsetCommitRequest
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP
from mode.threads import WorkerThread

from chat.errors import LogTruncated, Permanent
from chat.metrics import ASSIGNED, REBALANCES
from streams import header_names
from streams.acknowledge import Outstanding
from streams.chunk import MAX_BYTES, MAX_RECORDS, Chunk, chunks
from streams.metadata import pace

MAX_UNDER_WAY = 2 * MAX_RECORDS
"""Records of a partition that are handed on before it has to wait: one chunk at work, one at hand. Only then are
records left in aiokafka's buffer, for which it keeps the whole broker waiting for 100 ms."""

MAX_BYTES_UNDER_WAY = 4 * MAX_BYTES
"""Bytes of a partition, likewise: two trips' worth of the largest records."""

MAX_BYTES_IN_ALL = 64 * 2**20
"""Bytes of all partitions, however many a worker owns. What one more fetch brings (1 MiB a partition) comes on top."""

FETCH_WAIT_MS = 100
"""How long the broker holds an empty fetch: a partition that had to wait is not part of it, and waits as long."""

QUIESCE = 5.0
"""Seconds that a rebalance waits for what is under way; what takes longer is read again by the next owner."""

STOP_SECONDS = 5.0

_log = structlog.get_logger()


class FetchThread(WorkerThread):
    """A thread that nobody waits for without end: it may be asking a broker that is away."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    def stop(self) -> None:
        """Faust's call, which blocks the event loop."""
        self.is_stopped.wait(STOP_SECONDS)


class ChunkThread(AIOKafkaConsumerThread):
    """The thread that fetches. A broker that is away while offsets are committed is no reason to crash."""

    Worker = FetchThread

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        header_names.take_any()
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust hard-codes 1,500
        pace(consumer._client)  # noqa: SLF001 - as above
        return consumer

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """True when the broker has the offsets; else they are committed again later, or by the next owner."""
        try:
            await self._ensure_consumer().commit(
                {TopicPartition(*tp): OffsetAndMetadata(at, "") for tp, at in offsets.items()}
            )
        except (KafkaError, CommitFailedError, IllegalStateError) as error:
            _log.warning("commit_failed", reason=type(error).__name__)
            return False
        return True

    async def heartbeat(self) -> bool:
        """True where the coordinator takes this consumer for a member of the present generation."""
        return await self.call_thread(self._heartbeat)  # type: ignore[no-any-return]

    async def _heartbeat(self) -> bool:
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - aiokafka has no other door
        if coordinator.generation == OffsetCommitRequest.DEFAULT_GENERATION_ID:
            return False  # it is about to join; asking now would disturb that
        try:
            return bool(await coordinator._do_heartbeat())  # noqa: SLF001 - as above
        except KafkaError as error:  # such as a coordinator that is still loading its groups
            _log.warning("heartbeat_failed", reason=type(error).__name__)
            return False

    async def bounds(self, tps: Iterable[TP]) -> dict[TP, tuple[int | None, int, int]]:
        """For each partition: committed offset or None, first offset in the log, next offset of the log."""
        return await self.call_thread(self._bounds, list(tps))  # type: ignore[no-any-return]

    async def _bounds(self, tps: list[TP]) -> dict[TP, tuple[int | None, int, int]]:
        consumer = self._ensure_consumer()
        theirs = {tp: TopicPartition(*tp) for tp in tps}
        first = await consumer.beginning_offsets(list(theirs.values()))
        end = await consumer.end_offsets(list(theirs.values()))
        return {tp: (await consumer.committed(one), first[one], end[one]) for tp, one in theirs.items()}


class ChunkConsumer(Consumer):
    """Delivers each record of every owned partition, in chunks, in order, at least once."""

    _thread: ChunkThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outstanding = Outstanding()
        self._next: dict[TP, int] = {}
        self._rebalances = 0
        self._seek_due = False
        self._room = asyncio.Event()
        self._idle = asyncio.Event()

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    async def heartbeat(self) -> bool:
        """True where this worker is still a member of its group."""
        return await self._thread.heartbeat()

    def lags(self) -> dict[TP, int]:
        """For each owned partition that was begun: its records without an outcome, up to the last fetch's end."""
        ends = {tp: self.highwater(tp) for tp in self.assignment() & self._next.keys()}
        return {tp: max(0, end - self._reached(tp)) for tp, end in ends.items() if end is not None}

    def _reached(self, tp: TP) -> int:
        first = self.outstanding.first(tp)
        return self._next[tp] if first is None else first

    # Records in

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow)
                continue
            try:
                await (self._begin() if self._seek_due else self._drain_once())
            except (OffsetOutOfRangeError, NoOffsetForPartitionError):
                self._seek_due = True
            except Permanent as error:
                self.app.fail(error)
                return

    async def _drain_once(self) -> None:
        active = self._get_active_partitions()
        ready = self._with_room(active)
        if not ready:
            await self._wait_for_room()
            return
        rebalances = self._rebalances
        records = await self._getmany(ready, 1.0 if len(ready) == len(active) else 0.02)
        if self._is_over(rebalances):
            self._seek_back(records)
            return
        for tp, fetched in records.items():
            await self._deliver(ensure_TP(tp), fetched, rebalances)

    def _with_room(self, active: Iterable[TP]) -> set[TP]:
        """Those of which more may be handed on: what waits is bounded, whatever is sent."""
        bytes_of = {tp: self.outstanding.bytes_under_way(tp) for tp in active}
        if sum(bytes_of.values()) >= MAX_BYTES_IN_ALL:
            return set()
        return {
            tp
            for tp, size in bytes_of.items()
            if size < MAX_BYTES_UNDER_WAY and self.outstanding.under_way(tp) < MAX_UNDER_WAY
        }

    def _is_over(self, rebalances: int) -> bool:
        """True once another rebalance has begun: what was fetched before it is nobody's any more.

        The group's generation does not tell: a coordinator that is killed may give the same one again.
        """
        return rebalances != self._rebalances or not self.flow_active

    async def _wait_for_room(self) -> None:
        self._room.clear()
        waits = [asyncio.ensure_future(one.wait()) for one in (self._room, self.suspend_flow)]
        await asyncio.wait(waits, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _deliver(self, tp: TP, fetched: list[Any], rebalances: int) -> None:
        if self._is_over(rebalances):
            return
        expected = self._next[tp]
        records = [record for record in fetched if record.offset >= expected]
        if not records:
            return
        if records[0].offset > expected:
            await self._check_gap(tp, expected, records[0].offset)
        for chunk in chunks(tp, records):
            if self._is_over(rebalances):
                return
            self._next[tp] = chunk.next_offset
            self.outstanding.begin(chunk)
            await self.callback(self._message(chunk))

    async def _check_gap(self, tp: TP, expected: int, found: int) -> None:
        """A hole is right where a transaction's marker stood, and fatal where the log was cut."""
        _, first, _ = (await self.app.waiting.until_served(lambda: self._bounds([tp])))[tp]
        if first > expected:
            raise LogTruncated(f"{tp.topic}[{tp.partition}] starts at {first}, {found} came after {expected - 1}")

    def _message(self, chunk: Chunk) -> Any:
        message = self._to_message(chunk.tp, chunk.records[0])
        message.value = chunk
        return message

    def _seek_back(self, records: Mapping[Any, list[Any]]) -> None:
        """Records fetched before a rebalance are neither delivered nor skipped."""
        if self.flow_active:
            for tp in map(ensure_TP, records):
                if tp in self._next and tp in self.assignment():
                    self._thread.seek(tp, self._next[tp])

    # Acknowledgements out

    def ack(self, message: Any) -> bool:
        """Faust's call when the agent acknowledges a chunk; True where it still counts."""
        message.acked = True
        counted = self.outstanding.finish(message.value)
        self._room.set()
        if not self.outstanding.partitions():
            self._idle.set()
        return counted

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ARG002 - Faust's signature
        return iter(self.outstanding.committable())

    def _new_offset(self, tp: TP) -> int | None:
        return self.outstanding.committable().get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        # No producer flush here, as Faust has it: each lane has awaited its own records' acknowledgements.
        owned = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        if not owned or not await self._commit(owned):
            return False
        for tp, offset in owned.items():
            self._committed_offset[tp] = offset
            self.outstanding.committed(tp, offset)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Holes in the log need no bookkeeping: a chunk ends where its last record does."""

    # Rebalance

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stops the flow, lets what is under way finish, commits it, and only then lets the partitions go."""
        REBALANCES.inc()
        self._rebalances += 1
        _log.info("partitions_revoked", partitions=_named(revoked))
        await self.hand_over()
        self.outstanding.drop(self.outstanding.partitions() | revoked)
        await self.app.lanes.stop()
        self._next.clear()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begins with a clean slate; reading starts after `perform_seek`."""
        ASSIGNED.set(len(assigned))
        self._rebalances += 1
        self._seek_due = True
        self.app.lanes.begin()
        _log.info("partitions_assigned", partitions=_named(assigned), generation=generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def hand_over(self) -> None:
        """Stops the flow, lets what is under way finish, and commits it."""
        self.stop_flow()
        await self.quiesce()
        # Faust lets one commit run at a time: who comes second waits for the first, which lacks what was acknowledged
        # since, and is told False.
        if not await self.commit():
            await self.commit()

    async def quiesce(self) -> None:
        """Waits up to `QUIESCE` seconds until nothing is under way. What still is, it says: it will be done again."""
        if self.outstanding.partitions():
            self._idle.clear()
            waiter = asyncio.ensure_future(self._idle.wait())
            done, _ = await asyncio.wait({waiter}, timeout=QUIESCE)
            waiter.cancel()
            if not done:
                _log.warning("left_under_way", partitions=_named(self.outstanding.partitions()))

    async def perform_seek(self) -> None:
        """Faust's call after a rebalance. Where to begin is found out by the loop that reads, which may wait long."""
        self._seek_due = True

    async def _begin(self) -> None:
        """Starts every owned partition where its group has come to, or at 0 where nothing was ever committed.

        Raises `LogTruncated` where the log begins after that or ends before it: nothing is ever skipped. And
        `TopicMadeAnew` where it is another log: its group has no offsets any more, so it would be read from 0.
        """
        rebalances, owned = self._rebalances, self.assignment()
        starts = await self.app.waiting.until_served(lambda: self._starts(owned))
        await self.app.waiting.until_served(self.app.same_topics)
        if self._is_over(rebalances):
            return
        self._seek_due = False
        for tp, start in starts.items():
            self._next[tp] = start
            self._thread.seek(tp, start)

    async def _starts(self, tps: Iterable[TP]) -> dict[TP, int]:
        bounds = await self._bounds(tps)
        return {
            tp: _start(tp, self._next.get(tp, committed or 0), first, end)
            for tp, (committed, first, end) in bounds.items()
        }

    async def _bounds(self, tps: Iterable[TP]) -> dict[TP, tuple[int | None, int, int]]:
        """As `ChunkThread.bounds`. Raises `BrokerUnavailable`."""
        try:
            return await self._thread.bounds(tps)
        except KafkaError as error:
            raise self.app.broker_unavailable(error) from error


def _named(tps: Iterable[TP]) -> list[str]:
    return sorted(f"{tp.topic}[{tp.partition}]" for tp in tps)


def _start(tp: TP, start: int, first: int, end: int) -> int:
    if first > start:
        raise LogTruncated(
            f"{tp.topic}[{tp.partition}] starts at offset {first}, but the group has come to {start} only: "
            f"records are gone that were never read; reset the group's offset there to go on without them"
        )
    if end < start:
        raise LogTruncated(
            f"{tp.topic}[{tp.partition}] ends at offset {end}, but the group has come to {start}: "
            f"this is not the log that was read before"
        )
    return start
