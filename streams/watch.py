"""What goes on beside the lanes: topics and tables stay as they were, keys of tokens fresh; what is over goes."""

import asyncio
import time

import structlog

from chat import topics
from chat.errors import Transient
from chat.privacy import bounds
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.sealing_end import destroy_over
from chat.storage.session import Connection
from chat.tokens import TokenVerifier
from streams.app import WorkerApp
from streams.bootstrap import Servers, expiry
from streams.exports import delete_expired_bundles
from streams.heartbeat import Heartbeats, segments_open
from streams.trim import Trim

INTERVAL = 1.0
KEYS_INTERVAL = 900.0
"""Seconds between two looks for keys whose end has come."""

_log = structlog.get_logger()


async def watch_ground(settings: Settings, connection: Connection, app: WorkerApp) -> None:
    """Checks tables and topics every `INTERVAL` seconds; fails the worker with `SchemaMismatch`, `TopicMismatch` or
    `TopicMadeAnew`.
    """
    ours = migrate.migrations()
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await migrate.check(connection, ours)
            await topics.check(settings, connection)
        except Transient:
            continue  # the lanes and the consumer say that a server is away
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: nobody would look any more
            app.fail(error)
            return


async def watch_keys(verifier: TokenVerifier, app: WorkerApp) -> None:
    """Keeps the keys of tokens fresh; fails the worker where that has a fault."""
    try:
        await verifier.keep()
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: keys would grow old
        app.fail(error)


async def watch_exports(settings: Settings, app: WorkerApp) -> None:
    """Has expired bundles deleted, also where no new ones are made; fails the worker where that has a fault."""
    try:
        await delete_expired_bundles(settings)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: bundles that stay are a leak
        app.fail(error)


async def watch_sealing_keys(settings: Settings, connection: Connection, app: WorkerApp) -> None:
    """Destroys keys of days and old command keys in time; fails the worker where that has a fault."""
    try:
        while True:
            for name in await app.waiting.until_served(lambda: destroy_over(connection, settings)):
                _log.info("sealing_key_destroyed", key=name)
            await asyncio.sleep(KEYS_INTERVAL)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: keys that stay open what they sealed
        app.fail(error)


async def watch_logs(trim: Trim, heartbeats: Heartbeats, app: WorkerApp) -> None:
    """Has segments closed and commands trimmed; fails the worker where that has a fault."""
    try:
        while True:
            await app.waiting.until_served(lambda: _look_at_logs(trim, heartbeats, app.owned))
            await asyncio.sleep(bounds.LOOK / 2_000)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: words that stay are a leak
        app.fail(error)


async def _look_at_logs(trim: Trim, heartbeats: Heartbeats, owned: list[int]) -> None:
    """What is trimmed was closed before: both go by one time."""
    now, open_for = time.time_ns() // 1_000_000, await asyncio.to_thread(segments_open, trim.kafka)
    await heartbeats.look(owned, now, open_for)
    await trim.look(owned, now, open_for)


async def watch_idle(settings: Settings, servers: Servers, app: WorkerApp) -> None:
    """Has threads deleted that hold nothing any more; fails the worker where that has a fault."""
    try:
        await (await expiry(settings, servers, app)).keep(lambda: app.owned)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: what is over would stay
        app.fail(error)
