"""Runs privacy requests, in every worker: finds what is unfinished, leases one, keeps the lease while it is run."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from chat.domain.privacy import Kind, RequestKey
from chat.errors import LeaseLost
from chat.metrics import ERASURES_LATE, PRIVACY_OLDEST, PRIVACY_UNFINISHED
from chat.privacy.job import Jobs
from chat.storage.privacy_store import SHARDS, OpenRequest, RequestStore
from streams.emit import Emitter
from streams.request_run import RequestRun
from streams.waiting import Waiting

LEASE_SECONDS = 15
"""How long a request stays with a worker that died; what has to wait is tried again as late."""

PAUSE_SECONDS = 1.0
"""Between two looks at what is unfinished, unless somebody wakes the runner."""

LATE_SECONDS = 3600.0
"""After so long an erasure without an end is late: one takes minutes, and says so where it waits."""

MAX_RUNNING = 4
"""Requests that a worker runs side by side."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Runner:
    """The privacy requests of one worker. `fail` is told of an error that nobody expected."""

    requests: RequestStore
    emitter: Emitter
    waiting: Waiting
    jobs: Jobs
    fail: Callable[[BaseException], None]
    lease_seconds: int = LEASE_SECONDS
    renewal_seconds: float = LEASE_SECONDS / 3
    _running: dict[RequestKey, asyncio.Task[None]] = field(default_factory=dict)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: dict[Kind, list[int]] = field(default_factory=dict)

    def wake(self) -> None:
        """Lets it look at once."""
        self._awake.set()

    async def run(self) -> None:
        """Runs until it is cancelled. What is under way then goes on elsewhere, once its lease has run out."""
        for kind in Kind:
            PRIVACY_OLDEST.labels(kind).set_function(partial(self._oldest_age, kind))
        ERASURES_LATE.set_function(self._late_erasures)
        try:
            while True:
                self._awake.clear()
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):  # wait_for of Python 3.11 may swallow a cancellation
                        await self._awake.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: see `fail`
            self.fail(error)
        finally:
            await _cancelled(*self._running.values())

    async def _look(self) -> None:
        asked: dict[Kind, list[int]] = {kind: [] for kind in Kind}
        turns: set[tuple[bytes, bool]] = set()
        async for one in self._unfinished():
            asked[one.kind].append(one.requested_at)
            if _turn(one) not in turns:
                turns.add(_turn(one))
                await self._begin(one)
        for kind in Kind:
            PRIVACY_UNFINISHED.labels(kind).set(len(asked[kind]))
        self._asked = asked

    async def _unfinished(self) -> AsyncIterator[OpenRequest]:
        """All of them: a shard after the other, each oldest first."""
        for shard in range(SHARDS):
            page = await self._page(shard, None)
            while page:
                for one in page:
                    yield one
                page = await self._page(shard, page[-1])

    async def _page(self, shard: int, after: OpenRequest | None) -> list[OpenRequest]:
        return await self.waiting.until_served(lambda: self.requests.unfinished(shard, after))

    async def _begin(self, one: OpenRequest) -> None:
        """Runs a request beside the look, where nobody has it: what others run, or what waits, takes no room here."""
        if one.kind not in self.jobs or one.key in self._running or len(self._running) >= MAX_RUNNING:
            return
        holder = str(uuid.uuid4())
        request = await self.waiting.until_served(lambda: self.requests.lease(one.key, holder, self.lease_seconds))
        if request is not None:
            run = RequestRun(self.requests, self.emitter, self.waiting, self.jobs[one.kind], holder, request)
            task = self._running[one.key] = asyncio.create_task(self._finish(run))
            task.add_done_callback(lambda _: self._running.pop(one.key))

    async def _finish(self, run: RequestRun) -> None:
        try:
            await self._while_leased(run)
        except LeaseLost:
            _log.warning("privacy_lease_lost", kind=run.request.kind, request_id=run.request.key.request_id)
        except Exception as error:  # noqa: BLE001 - as in `run`
            self.fail(error)

    async def _while_leased(self, run: RequestRun) -> None:
        tasks = [asyncio.create_task(run.go()), asyncio.create_task(self._keep(run))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled(*tasks)
        for one in done:
            one.result()
        if run.request.is_final:
            self.wake()  # for the learner's next one

    async def _keep(self, run: RequestRun) -> None:
        key, holder = run.request.key, run.holder
        while True:
            await asyncio.sleep(self.renewal_seconds)
            if not await self.waiting.until_served(lambda: self.requests.renew(key, holder, self.lease_seconds)):
                raise LeaseLost("the lease ran out")

    def _ages(self, kind: Kind) -> list[float]:
        return [time.time() - asked / 1000 for asked in self._asked.get(kind, ())]

    def _oldest_age(self, kind: Kind) -> float:
        return max(self._ages(kind), default=0.0)

    def _late_erasures(self) -> float:
        return sum(age > LATE_SECONDS for age in self._ages(Kind.DELETION))


def _turn(one: OpenRequest) -> tuple[bytes, bool]:
    """Of a learner's exports one goes at a time, and so of what ends and begins its lives.

    An erasure does not wait for an export, which it cancels.
    """
    return one.subject, one.kind is Kind.EXPORT


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for one in tasks:
        one.cancel()
    if tasks:
        await asyncio.wait(tasks)
