"""A yardstick: the Faust agent that one would write first.

It takes a record, awaits each row's write, one after the other, awaits the event's send, and goes on.
"""

import asyncio
import tempfile
from typing import Any

import faust

from bench.plain import Reader, encoded
from bench.rows import PlainRows
from chat import logs
from chat.kafka import bootstrap_servers
from chat.settings import Settings, load
from chat.storage.session import Connection
from chat.topic_specs import Topic


def make_app(settings: Settings, folder: str) -> faust.App:
    """The app with its one agent; `folder` takes Faust's own files."""
    app = faust.App(
        settings.consumer_group,
        broker=[f"kafka://{server}" for server in bootstrap_servers(settings)],
        datadir=folder,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    commands = app.topic(str(Topic.COMMANDS), key_type=bytes, value_type=bytes, value_serializer="raw")
    events = app.topic(str(Topic.EVENTS), key_type=bytes, value_type=bytes, value_serializer="raw")

    async def post(stream: Any) -> None:
        connection = await Connection.open(settings)
        rows, reader = await PlainRows.open(connection), Reader(settings)
        async for received in stream.events():
            message = received.message
            change = reader.read(received.value, received.headers, message.offset, round(message.timestamp * 1000))
            await rows.write_one_by_one(connection, change)
            event, sent = change.event, dict(change.sent)
            await (
                await events.send(
                    key=event.key.encode(), value=encoded(event), timestamp=message.timestamp, headers=sent
                )
            )

    app.agent(commands, name="post")(post)
    return app


async def _run(settings: Settings, folder: str) -> None:
    logs.configure(settings.log_level)
    app = make_app(settings, folder)
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-faust-") as own:
        asyncio.run(_run(load(), own))
