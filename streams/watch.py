"""What goes on beside the lanes: topics and tables stay as they were, keys of tokens fresh; what is over goes."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress

import structlog

from chat import topics
from chat.errors import Transient
from chat.privacy import bounds
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.sealing_end import destroy_over
from chat.storage.session import Connection
from streams.app import WorkerApp
from streams.bootstrap import Servers, expiry
from streams.heartbeat import Heartbeats, segments_open
from streams.trim import Trim

INTERVAL = 1.0
KEYS_INTERVAL = 900.0
"""Seconds between two looks for keys whose end has come."""

_log = structlog.get_logger()


async def watched(app: WorkerApp, work: Awaitable[None]) -> None:
    """Does what goes on beside the lanes. Whatever ends it ends the worker: alone it would be missed by nobody."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - as above: what is over would stay, keys grow old, another topic be read
        app.fail(error)


async def watch_ground(settings: Settings, connection: Connection) -> None:
    """Checks tables and topics again and again. Raises `SchemaMismatch`, `TopicMismatch` or `TopicMadeAnew`."""
    ours = migrate.migrations()
    while True:
        await asyncio.sleep(INTERVAL)
        with suppress(Transient):  # the lanes and the consumer say that a server is away
            await migrate.check(connection, ours)
            await topics.check(settings, connection)


async def watch_sealing_keys(settings: Settings, connection: Connection, app: WorkerApp) -> None:
    """Destroys keys of days and old command keys in time: keys that stay open what they sealed."""
    while True:
        for name in await app.waiting.until_served(lambda: destroy_over(connection, settings)):
            _log.info("sealing_key_destroyed", key=name)
        await asyncio.sleep(KEYS_INTERVAL)


async def watch_logs(trim: Trim, heartbeats: Heartbeats, app: WorkerApp) -> None:
    """Has segments closed and commands trimmed: words that stay are a leak."""
    while True:
        await app.waiting.until_served(lambda: _look_at_logs(trim, heartbeats, app.owned))
        await asyncio.sleep(bounds.LOOK / 2_000)


async def _look_at_logs(trim: Trim, heartbeats: Heartbeats, owned: list[int]) -> None:
    """What is trimmed was closed before: both go by one time."""
    now, open_for = time.time_ns() // 1_000_000, await asyncio.to_thread(segments_open, trim.kafka)
    await heartbeats.look(owned, now, open_for)
    await trim.look(owned, now, open_for)


async def watch_idle(settings: Settings, servers: Servers, app: WorkerApp) -> None:
    """Has threads deleted that hold nothing any more."""
    await (await expiry(settings, servers, app)).keep(lambda: app.owned)
