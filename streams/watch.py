"""Keeps an eye on the topics: one that was made anew while the worker runs must stop it."""

import asyncio

from chat import topics
from chat.errors import Permanent, Transient
from chat.settings import Settings
from chat.storage.session import Connection
from streams.app import WorkerApp

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
