"""A yardstick: a Quix Streams dataframe. It blocks on each row's write, hands the event on, and goes on."""

import asyncio
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models.serializers import SerializationContext, Serializer

from bench.plain import Change, Reader, encoded
from bench.rows import PlainRows
from chat import logs
from chat.kafka import bootstrap_servers
from chat.settings import Settings, load
from chat.storage.session import Connection
from chat.topic_specs import Topic


class EventBytes(Serializer):
    """The event of a change."""

    def __call__(self, value: Change, ctx: SerializationContext) -> bytes:  # noqa: ARG002 - the name is the library's
        """Its bytes."""
        return encoded(value.event)


def run(settings: Settings) -> None:
    """Runs until the process is ended."""
    logs.configure(settings.log_level)
    connection, rows = asyncio.run(_open(settings))
    reader = Reader(settings)
    app = Application(
        ",".join(bootstrap_servers(settings)),
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        producer_extra_config={"acks": "all", "enable.idempotence": True},
        auto_create_topics=False,
        use_changelog_topics=False,
    )
    commands = app.topic(str(Topic.COMMANDS), value_deserializer="bytes")
    events = app.topic(str(Topic.EVENTS), value_serializer=EventBytes())

    def take(value: bytes, _key: Any, timestamp: int, headers: Any) -> Change:
        change = reader.read(value, dict(headers), message_context().offset, timestamp)
        for row in rows.of([change]):
            connection.session.execute(*row)
        return change

    changes = app.dataframe(commands).apply(take, metadata=True)
    changes = changes.set_headers(lambda change, _key, _timestamp, _headers: change.sent)
    changes.to_topic(events, key=lambda change: change.event.key.encode())
    app.run()


async def _open(settings: Settings) -> tuple[Connection, PlainRows]:
    connection = await Connection.open(settings)
    return connection, await PlainRows.open(connection)


if __name__ == "__main__":
    run(load())
