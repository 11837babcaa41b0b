"""`DeleteLearnerData`: ends a life of a learner so that nothing of it comes back.

1. `check`: no legal hold, the life goes on.
2. `destroy`: the key, unless a hold has come meanwhile: one row decides who was first, and from then on a hold is told
   that it is too late. What is sealed is unreadable a minute later, everywhere.
3. `fence`, `drain`: the owner has come to the fence, see `streams.fence`: nobody writes to this life any more. Who
   waited for the owner in vain sends the fence again.
4. `trim`: the partition's log of commands begins at the fence, so nobody can read hers there any more. Others' commands
   go with them, which are done as well, and would go an hour later at the most.
5. `count`: how much there is, while it is still there.
6. `purge`: thread by thread, tombstones acknowledged by Kafka, then the rows; the rows are the list of the keys.
7. `sweep`: all of it again, and what was said since the check: an owner that slept may have woken. Until nothing is
   found; only then goes the list of threads.
8. `exports`: bundles go, what is under way ends.
9. `expire`: the last minute in which a process may have the key, or the life as one that goes on, in its memory.
10. `receipt`: signed, in its tenant's chain.

Each step may be done again. Keys and rows are counted before they go, so that a second run counts the same.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import schemas
from chat.domain.events import NAMESPACE
from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, ThreadKey
from chat.domain.partition import learner_key
from chat.domain.privacy import Kind, Request
from chat.errors import BrokerUnavailable, JobFailed
from chat.privacy.erasure_notes import Notes
from chat.privacy.job import Save
from chat.storage import learner_keys
from chat.storage.erasure_store import Holds, LifeRows, LifeStore
from chat.storage.lives import KeptLife
from chat.topic_specs import Topic
from streams.emit import Emitter
from streams.internal import ServiceSeal
from streams.publish import Outgoing
from streams.receipts import Receipts

PAGE = 500
"""Keys that get their tombstones together."""

PAUSE = 0.1
PATIENCE = 30.0
"""Seconds between two looks for the fence or what is left, and those after which a request is said to wait for it."""

STEPS = ("check", "destroy", "fence", "drain", "trim", "count", "purge", "sweep", "exports", "expire", "receipt")


class SaidSince(Protocol):
    """The events of a partition."""

    async def end(self, partition: int) -> int:
        """The offset of the next one."""
        ...

    def since(self, partition: int, offset: int) -> AsyncIterator[list[tuple[str, bool]]]:
        """Page by page, from an offset on: each record's key, and whether it is a tombstone."""
        ...


class Clock(Protocol):
    """What time it is for others too: a receipt goes by it, and a worker's own clock may be an hour off."""

    async def now(self) -> float:
        """UTC seconds. Raises `StorageUnavailable`."""
        ...


EndExports = Callable[[Learner], Awaitable[int]]
"""Deletes a learner's bundles and ends its exports under way: how many those were. May be called again."""


async def no_exports(_learner: Learner) -> int:
    """Where nothing was ever exported."""
    return 0


TrimBehind = Callable[[int, int], Awaitable[None]]
"""Lets nobody read the commands of a partition before a fence's position: see `streams.trim`. May be called again."""


async def no_trim(_partition: int, _fence: int) -> None:
    """Where commands stay until their retention ends."""


@dataclass(frozen=True, slots=True)
class Fencing:
    """Puts fences into the command log, with the service's seal."""

    emitter: Emitter
    seal: ServiceSeal

    async def send(self, request: Request, generation: int) -> None:
        """Returns when the log has it. Sent again it is the same command, and changes nothing."""
        tenant_id, request_id = request.key
        fields = {
            "command_id": str(uuid.uuid5(NAMESPACE, f"{tenant_id}/{request_id}/fence")),
            "tenant_id": tenant_id,
            "learner_id": request.learner_id,
            "request_id": request_id,
            "generation": generation,
        }
        value = schemas.encode("FenceLearner", fields)
        key = learner_key(tenant_id, request.learner_id).encode()
        record = Outgoing(key, value, now(), [self.seal.header(value)])
        await self.emitter.publisher.publish(Topic.COMMANDS, request.partition, [record])

    async def until_passed(
        self, request: Request, generation: int, look: Callable[[], Awaitable[int | None]], patience: float
    ) -> int:
        """As `until_passed`; who gives up sends the fence again, for the log may have lost it."""
        try:
            return await until_passed(look, patience)
        except BrokerUnavailable:
            await self.send(request, generation)
            raise


@dataclass(frozen=True, slots=True)
class Erasure:
    """The job."""

    lives: LifeStore
    rows: LifeRows
    holds: Holds
    said: SaidSince
    fencing: Fencing
    receipts: Receipts
    clock: Clock
    end_exports: EndExports = no_exports
    trim_behind: TrimBehind = no_trim
    patience: float = PATIENCE
    kind: ClassVar[Kind] = Kind.DELETION
    steps: ClassVar[tuple[str, ...]] = STEPS

    async def do(self, request: Request, step: str, save: Save) -> str:
        notes = Notes.read(request.notes)
        if step == "receipt":
            return await self.receipts.issue(request, notes, save)
        run: Mapping[str, Callable[[Request, Notes], Awaitable[Notes]]] = {
            "check": self._check,
            "destroy": self._destroy,
            "fence": self._fence,
            "drain": self._drain,
            "trim": self._trim,
            "count": self._count,
            "purge": self._purge,
            "sweep": self._sweep,
            "exports": self._exports,
            "expire": self._expire,
        }
        done = await run[step](request, notes)
        return done.at(step, await self._time(request, done)).text()

    async def _time(self, request: Request, notes: Notes) -> int:
        """UTC milliseconds, for the receipt; no step was done before the last one, nor before it was asked for."""
        told = round(1000 * await self.clock.now())
        return max(told, request.requested_at, *notes.times.values())

    async def _check(self, request: Request, notes: Notes) -> Notes:
        life = (await self._kept(request)).life
        if not notes.draft:  # of whoever has one it is known that all of this was so: see `chat.storage.ledger_replay`
            await self._require_erasable(request, life)
        return notes._replace(generation=life.generation, events_from=await self.said.end(request.partition))

    async def _require_erasable(self, request: Request, life: Life) -> None:
        if not life.alive:
            raise JobFailed("learner_erased")
        if await self.holds.hold_on(request.subject) is not None:
            raise JobFailed("legal_hold", held=True)

    async def _destroy(self, request: Request, notes: Notes) -> Notes:
        """A hold that came since the check is in time, as long as nothing is destroyed."""
        if (await self._kept(request)).life.alive and not await self.holds.close(request.subject, notes.generation):
            raise JobFailed("legal_hold", held=True)
        await self.lives.end(request.subject, notes.generation)
        return notes

    async def _fence(self, request: Request, notes: Notes) -> Notes:
        await self.fencing.send(request, notes.generation)
        return notes

    async def _drain(self, request: Request, notes: Notes) -> Notes:
        async def fence() -> int | None:
            return (await self._kept(request)).ended

        passed = await self.fencing.until_passed(request, notes.generation, fence, self.patience)
        return notes._replace(fence=passed)

    async def _trim(self, request: Request, notes: Notes) -> Notes:
        await self.trim_behind(request.partition, notes.fence)
        return notes

    async def _count(self, request: Request, notes: Notes) -> Notes:
        learner, threads, messages, marks = _life(request, notes), 0, 0, 0
        async for page in self.rows.threads(learner):
            threads += len(page)
            for thread_id in page:
                async for ids in self.rows.messages(ThreadKey(learner, thread_id)):
                    messages += len(ids)
        async for found in self.rows.marks(learner):
            marks += len(found)
        commands = await self.rows.commands(learner)
        return notes._replace(threads=threads, messages=messages, marks=marks, commands=commands)

    async def _purge(self, request: Request, notes: Notes) -> Notes:
        await self._remove(request, _life(request, notes))
        return notes

    async def _sweep(self, request: Request, notes: Notes) -> Notes:
        learner = _life(request, notes)
        while True:
            strays = await self._silence(request, notes)
            for thread_id in strays:
                await self._remove_thread(request, ThreadKey(learner, thread_id))
            await self._remove(request, learner)
            if await self._left(learner, strays) == 0:
                break
            await asyncio.sleep(PAUSE)
        await self.rows.forget_threads(learner)
        return notes

    async def _exports(self, request: Request, notes: Notes) -> Notes:
        return notes._replace(bundles=await self.end_exports(_life(request, notes).learner))

    async def _expire(self, _request: Request, notes: Notes) -> Notes:
        """Waits as long as it takes at most: another worker's clock may have said when the key was destroyed."""
        await asyncio.sleep(learner_keys.KEPT_SECONDS)
        return notes

    async def _remove(self, request: Request, learner: LearnerId) -> None:
        """Every mark's key, then thread by thread; the marks' rows go last, with all that belongs to no thread."""
        async for marks in self.rows.marks(learner):
            keys = [f"{one.thread_id}/read/{one.user_id}" for one in marks]
            await self._tombstone(request, learner, keys)
        async for page in self.rows.threads(learner):
            await self._tombstone(request, learner, page)
            for thread_id in page:
                await self._remove_thread(request, ThreadKey(learner, thread_id))
        await self.rows.purge_learner(learner)

    async def _remove_thread(self, request: Request, key: ThreadKey) -> None:
        """But for the tombstone of its own key."""
        async for ids in self.rows.messages(key):
            await self._tombstone(request, key.learner, [f"{key.thread_id}/{one}" for one in ids])
        await self.rows.purge_thread(key)

    async def _silence(self, request: Request, notes: Notes) -> set[str]:
        """Tombstones for whatever was said since the check and has none behind it; its threads."""
        learner = _life(request, notes)
        prefix = f"{learner_key(*learner.learner)}/"
        speaking: dict[str, bool] = {}
        async for page in self.said.since(request.partition, await self._said_from(request, notes)):
            speaking |= {key.removeprefix(prefix): gone for key, gone in page if key.startswith(prefix)}
        loud = [key for key, gone in speaking.items() if not gone and not key.startswith("privacy/")]
        await self._tombstone(request, learner, loud)
        return {key.partition("/")[0] for key in loud}

    async def _said_from(self, request: Request, notes: Notes) -> int:
        """Where the learner's events ended at the check; the beginning, where the topic has lost that place since."""
        end = await self.said.end(request.partition)
        return notes.events_from if notes.events_from <= end else 0

    async def _tombstone(self, request: Request, learner: LearnerId, keys: list[str]) -> None:
        prefix = learner_key(*learner.learner)
        for start in range(0, len(keys), PAGE):
            page = [f"{prefix}/{key}" for key in keys[start : start + PAGE]]
            await self.fencing.emitter.tombstone(request.partition, page, now())

    async def _left(self, learner: LearnerId, strays: set[str]) -> int:
        left = await self.rows.left_of(learner)
        async for page in self.rows.threads(learner):
            left += sum([await self.rows.left(ThreadKey(learner, one)) for one in page])
        return left + sum([await self.rows.left(ThreadKey(learner, one)) for one in strays])

    async def _kept(self, request: Request) -> KeptLife:
        (kept,) = await self.lives.read([request.subject])
        return kept or KeptLife(FIRST_LIFE)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """`EnrolLearner`: the next life of an erased learner, begun by the owner of its partition: see `streams.fence`."""

    lives: LifeStore
    fencing: Fencing
    patience: float = PATIENCE
    kind: ClassVar[Kind] = Kind.ENROLMENT
    steps: ClassVar[tuple[str, ...]] = ("check", "fence", "begin")

    async def do(self, request: Request, step: str, _save: Save) -> str:
        notes = Notes.read(request.notes)
        if step == "check":
            notes = await self._check(request, notes)
        elif step == "fence":
            await self.fencing.send(request, notes.generation)
        else:
            begun = partial(self._begun, request, notes)
            await self.fencing.until_passed(request, notes.generation, begun, self.patience)
            return f'{{"generation":{notes.generation}}}'
        return notes.at(step, now()).text()

    async def _check(self, request: Request, notes: Notes) -> Notes:
        life = await self._life(request)
        if life.alive:
            raise JobFailed("not_erased")
        return notes._replace(generation=life.generation + 1)

    async def _begun(self, request: Request, notes: Notes) -> int | None:
        life = await self._life(request)
        return life.since if life.generation == notes.generation else None

    async def _life(self, request: Request) -> Life:
        (kept,) = await self.lives.read([request.subject])
        return kept.life if kept else FIRST_LIFE


async def until_passed(look: Callable[[], Awaitable[int | None]], patience: float) -> int:
    """The fence's position once its owner has passed it. Raises `BrokerUnavailable` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while (position := await look()) is None:
        if time.monotonic() > deadline:
            raise BrokerUnavailable("no owner of the partition has come to the fence")
        await asyncio.sleep(PAUSE)
    return position


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


def _life(request: Request, notes: Notes) -> LearnerId:
    return LearnerId(request.key.tenant_id, request.learner_id, notes.generation)
