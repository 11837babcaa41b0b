"""One worker process: starts, serves until it is told to stop or cannot go on, and leaves in order."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

import structlog

from chat import logs, tracing
from chat.errors import ChatError
from chat.garbage import collect_seldom
from chat.settings import Settings
from chat.signals import told_to_stop
from streams.app import WorkerApp
from streams.bootstrap import Servers, build, heartbeats, reach, trim
from streams.consumer import QUIESCE
from streams.exports import delete_expired_bundles
from streams.health import Health, serving
from streams.waiting import Waiting
from streams.watch import watch_ground, watch_idle, watch_logs, watch_sealing_keys, watched

LEAVE_SECONDS = QUIESCE + 3.0
"""For each of the two steps of leaving: in all less than the 30 seconds after which one is killed."""

Build = Callable[[Settings, Servers, Waiting], Awaitable[WorkerApp]]
_log = structlog.get_logger()


def run(settings: Settings, build_app: Build = build) -> int:
    """Runs a worker; the exit status is 0 after a signal, else the error's `exit_code`."""
    logs.configure(settings.log_level)
    tracing.configure(settings, "worker")
    leaving = Leaving()
    runner = asyncio.Runner()
    status = runner.run(_main(settings, build_app, leaving))
    if not leaving.in_order:
        _end_now(status)
    runner.close()
    return status


async def _main(settings: Settings, build_app: Build, leaving: "Leaving") -> int:
    stopped = told_to_stop()
    waiting = Waiting()
    health = Health(waiting)
    try:
        async with serving(settings, health):
            await _until(stopped, _work(settings, waiting, health, build_app, leaving))
    except ChatError as error:
        _log.error("worker_ended", error=type(error).__name__, reason=str(error), exit_code=error.exit_code)
        return error.exit_code
    _log.info("worker_stopped")
    return 0


async def _until(stopped: asyncio.Event, work: Awaitable[None]) -> None:
    """Runs `work` until it fails or the event is set; then it is cancelled, and ends in its own order."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _work(settings: Settings, waiting: Waiting, health: Health, build_app: Build, leaving: "Leaving") -> None:
    servers = await reach(settings, waiting)
    try:
        app = await build_app(settings, servers, waiting)
        health.app = app
        collect_seldom()
        await _serve(settings, servers, app, leaving)
    finally:
        await servers.connection.close()


async def _serve(settings: Settings, servers: Servers, app: WorkerApp, leaving: "Leaving") -> None:
    beside = [
        watch_ground(settings, servers.connection),
        servers.verifier.keep(),
        delete_expired_bundles(settings),
        watch_sealing_keys(settings, servers.connection, app),
        watch_logs(trim(settings, servers), heartbeats(settings, app), app),
    ]
    if settings.automatic_cleanup:
        beside.append(watch_idle(settings, servers, app))
    watching = [asyncio.create_task(watched(app, one)) for one in beside]
    starting = asyncio.create_task(app.start())
    try:
        await asyncio.wait({app.failed, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            watching += [asyncio.create_task(one()) for one in app.beside]
        await app.failed
    finally:
        for one in watching:
            one.cancel()
        await asyncio.wait(watching)
        await leaving.leave(app)
        starting.cancel()


class Leaving:
    """Who is told to end ends. What was not finished is read again, and so is what was not committed."""

    def __init__(self) -> None:
        self.in_order = True

    async def leave(self, app: WorkerApp) -> None:
        """Finishes what is under way, commits it, and leaves the group, where that can be done in time."""
        await self._in_time("hand_over", app.consumer.hand_over())
        await app.lanes.stop()
        await self._in_time("leave_group", app.stop())

    async def _in_time(self, what: str, work: Awaitable[object]) -> None:
        """Faust and aiokafka go on asking a broker that is away, also when they are cancelled: nobody waits then."""
        done, _ = await asyncio.wait({asyncio.ensure_future(work)}, timeout=LEAVE_SECONDS)
        for one in done:
            one.result()
        if not done:
            self.in_order = False
            _log.warning("ended_without", what=what)


def _end_now(status: int) -> NoReturn:
    """Python would wait for every task and thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
