"""What goes on beside the lanes: topics stay what they were, keys of tokens fresh, empty threads and old exports go."""

import asyncio

from chat import topics
from chat.errors import Permanent, Transient
from chat.settings import Settings
from chat.storage.session import Connection
from chat.tokens import TokenVerifier
from streams.app import WorkerApp
from streams.bootstrap import Servers, expiry
from streams.exports import delete_expired_bundles

INTERVAL = 1.0


async def watch_topics(settings: Settings, connection: Connection, app: WorkerApp) -> None:
    """Checks every `INTERVAL` seconds; fails the worker with `TopicMismatch` or `TopicMadeAnew`."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await topics.check(settings, connection)
        except Transient:
            continue  # the lanes and the consumer say that a server is away
        except Permanent as error:
            app.fail(error)
            return


async def watch_keys(verifier: TokenVerifier, app: WorkerApp) -> None:
    """Keeps the keys of tokens fresh; fails the worker with `StorageRefused` where it may not keep them."""
    try:
        await verifier.keep()
    except Permanent as error:
        app.fail(error)


async def watch_exports(settings: Settings, app: WorkerApp) -> None:
    """Has expired bundles deleted, also where no new ones are made; fails the worker where that has a fault."""
    try:
        await delete_expired_bundles(settings)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: bundles that stay are a leak
        app.fail(error)


async def watch_idle(settings: Settings, servers: Servers, app: WorkerApp) -> None:
    """Has threads deleted that hold nothing any more; fails the worker where it may not look."""
    try:
        await (await expiry(settings, servers, app)).keep(lambda: app.owned)
    except Permanent as error:
        app.fail(error)
