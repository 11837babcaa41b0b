"""A service in memory that writes, erases and enrols: its owner takes what comes, its runner runs what is asked."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import schemas
from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life
from chat.domain.partition import partition_of
from chat.domain.privacy import State
from chat.privacy.bounds import Bounds
from chat.privacy.export.build import Limits
from chat.privacy.export.job import ExportJob
from chat.privacy.receipt import ReceiptKey
from chat.storage import learner_keys
from streams import erasure, runner
from streams.emit import Emitter
from streams.erasure import Enrolment, Erasure, Fencing
from streams.exports import end_bundles
from streams.memory import Memory
from streams.receipts import Receipts
from tests import wait
from tests.bundles import MemoryStore as BundleStore
from tests.bundles import builder
from tests.erasing import MemoryChain, MemoryHolds, MemoryLedger, MemoryRows, Published
from tests.memory_exports import StoreReads
from tests.privacy_desk import LEASE_SECONDS, Desk, PrivacyLog
from tests.records import PARTITIONS, SEAL, SUBJECTS, Log, token, uid
from tests.way import World

ERASED, CONTROL = Learner("tenant-1", "learner-1"), Learner("tenant-1", "learner-2")
LIFE = LearnerId(*ERASED, 1)
KEY = ReceiptKey(b"r" * 32)
ADMIN = token(user="admin-1", role="admin")


@contextmanager
def no_pauses() -> Iterator[None]:
    """Inside, nothing waits for time to pass."""
    with (
        patch.object(learner_keys, "KEPT_SECONDS", 0.0),
        patch.object(erasure, "PAUSE", 0.0),
        patch.object(runner, "PAUSE_SECONDS", 0.005),
        patch.object(wait, "PAUSE", 0.001),
    ):
        yield


@dataclass
class WallClock:
    """The clock of Cassandra's node, `ahead` seconds off, and `each` seconds more at every look."""

    ahead: float = 0.0
    each: float = 0.0

    async def now(self) -> float:
        self.ahead += self.each
        return time.time() + self.ahead


@dataclass
class Service:
    """A command log with its way, and privacy requests that are run beside it."""

    world: World = field(default_factory=World)
    log: Log = field(default_factory=Log)
    asked: PrivacyLog = field(default_factory=PrivacyLog)
    chain: MemoryChain = field(default_factory=MemoryChain)
    holds: MemoryHolds = field(default_factory=MemoryHolds)
    clock: WallClock = field(default_factory=WallClock)
    sealed: bool = True
    bundles: BundleStore = field(default_factory=BundleStore)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    trimmed: list[tuple[int, int]] = field(default_factory=list)
    desk: Desk = field(init=False)
    _fences: int = 0
    _memories: dict[int, Memory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        emitter = Emitter(self.world.publisher, schemas.Format.AVRO, PARTITIONS)  # type: ignore[arg-type]
        fencing, lives = Fencing(emitter, SEAL), self.world.lives
        bounds = Bounds({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})
        receipts = Receipts(self.chain, KEY, bounds, self._sealed, ledger=self.ledger)
        said = Published(self.world.publisher)
        self.desk = Desk(publisher=self.world.publisher, life_of=self._life_of)
        self.world.requests = self.desk.kept
        ending = end_bundles(self.desk.kept, self.bundles)
        rows, trim = MemoryRows(self.world.store), self._trim_behind
        erasure = Erasure(lives, rows, self.holds, said, fencing, receipts, self.clock, ending, trim)
        self.desk.jobs = [erasure, Enrolment(lives, fencing), self._exports()]

    def _exports(self) -> ExportJob:
        reads = StoreReads(self.world.store, self.life)

        async def reads_of(_learner: LearnerId) -> StoreReads:
            return reads

        async def life_of(learner: Learner) -> Life:
            return self.life(learner)

        return ExportJob(builder(self.bundles, limits=Limits(records=3)), reads_of, life_of)

    def life(self, learner: Learner) -> Life:
        """A learner's latest life."""
        kept = self.world.lives.kept.get(SUBJECTS.of(learner))
        return kept.life if kept else FIRST_LIFE

    async def _life_of(self, subject: bytes) -> Life:
        (kept,) = await self.world.lives.read([subject])
        return kept.life if kept else FIRST_LIFE

    async def _sealed(self) -> bool:
        return self.sealed

    async def _trim_behind(self, partition: int, fence: int) -> None:
        self.trimmed.append((partition, fence))

    async def write(self, learner: Learner, first: int) -> None:
        """A thread with two posts, an edit and a mark, and a thread that was deleted."""
        whose = learner._asdict()
        for number, deleted in ((first, False), (first + 10, True)):
            thread = {"thread_id": uid(1, number), **whose}
            new = {"message_id": uid(2, number), "content": f"word-{number}"}
            self.log.send("CreateThread", command_id=uid(3, number), title="Fractions", **thread)
            self.log.send("PostMessage", command_id=uid(3, number + 1), **new, **thread)
            self.log.send("MarkRead", command_id=uid(3, number + 2), seq=1, **thread)
            if deleted:
                self.log.send("DeleteThread", ADMIN, command_id=uid(3, number + 3), **thread)
        await self.pump()

    async def pump(self) -> None:
        """Lets the owner take what is new in the log, fences too."""
        self._append_fences()
        way = self.world._way()
        for partition in range(PARTITIONS):
            mine = [one for one in self.log.records if one.partition == partition][self._taken(partition) :]
            if mine:
                await way.go(self._memories.setdefault(partition, Memory()), mine)
                self._done[partition] = self._taken(partition) + len(mine)

    _done: dict[int, int] = field(default_factory=dict)

    def restart(self, back: int = 0) -> None:
        """A fresh owner, who begins `back` records before where the last one had come to in each partition."""
        self._memories.clear()
        self._done = {partition: max(0, taken - back) for partition, taken in self._done.items()}

    def _taken(self, partition: int) -> int:
        return self._done.get(partition, 0)

    def _append_fences(self) -> None:
        sent = self.world.publisher.records("chat.commands")
        for one in sent[self._fences :]:
            partition = partition_of(one.key or b"", PARTITIONS)
            self.log.append(one.value, one.key, partition, tuple((name, value or b"") for name, value in one.headers))
        self._fences = len(sent)

    async def beside(self, work: Any) -> None:
        """Does `work` while the owner takes what comes; it ends what it has begun, for it goes on with its memory."""
        done = asyncio.Event()
        pumping = asyncio.create_task(self._pump_until(done))
        try:
            await work
        finally:
            done.set()
            await pumping

    async def _pump_until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self.pump()
            await asyncio.sleep(0.001)

    async def run_requests(self) -> None:
        """Runs all that is asked for to its end."""
        await self.beside(self.desk.run(self._is_done))

    def _is_done(self) -> bool:
        """Whether all has ended. Where all that is left waits, or has to let another go first, its time comes."""
        kept = self.desk.kept
        if kept.open and all(kept.kept[one].state is not State.RUNNING for one in kept.open):
            self.desk.clock.now += LEASE_SECONDS + 1
        return not kept.open

    async def ask(self, record_type: str, number: int, learner: Learner = ERASED) -> None:
        """Asks for something, for the erased learner unless another is named, and lets it be accepted."""
        await self.desk.take([self.asked.ask(record_type, number, **learner._asdict())])

    async def export(self, number: int, learner: Learner = ERASED) -> None:
        """A whole export."""
        await self.ask("ExportLearnerData", number, learner)
        await self.desk.run()

    async def erase(self, number: int = 1) -> None:
        """A whole erasure."""
        await self.ask("DeleteLearnerData", number)
        await self.beside(self.desk.run())

    def left(self) -> list[Any]:
        """Every row of the erased learner's first life."""
        store = self.world.store
        keys = [key for key, _ in (*store.messages, *store.seqs, *store.marks)]
        rows = [key for key in (*keys, *store.threads, *store.listed) if key.learner == LIFE]
        owners = [one for one in store.owners.values() if one == LIFE]
        return [*rows, *owners, *(one for one, _ in store.commands if one == LIFE), *store.claimed.get(LIFE, ())]

    def loud(self, learner: Learner) -> set[str]:
        """The keys of a learner whose last record on the events is no tombstone."""
        prefix = "/".join(learner)
        last = {(one.key or b"").decode(): one.value for one in self.world.publisher.records("chat.events")}
        keys = {key for key, value in last.items() if value is not None and key.startswith(f"{prefix}/")}
        return {key for key in keys if not key.startswith(f"{prefix}/privacy/")}

    def copy(self, learner: Learner) -> Any:
        """All rows of a learner."""
        store = self.world.store
        tables = (store.messages, store.seqs, store.marks, store.threads, store.listed, store.commands)
        return [{key: row for key, row in table.items() if list(learner)[1] in str(key)} for table in tables]


async def served() -> Service:
    """One in which both learners have written."""
    service = Service()
    await service.write(ERASED, 100)
    await service.write(CONTROL, 200)
    return service
