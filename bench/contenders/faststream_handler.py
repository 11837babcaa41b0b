"""A yardstick: a FastStream handler. It takes a record, awaits each row's write, awaits the event's, and goes on."""

import asyncio

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from bench.plain import Reader, encoded
from bench.rows import PlainRows
from chat import logs
from chat.kafka import bootstrap_servers
from chat.settings import Settings, load
from chat.storage.session import Connection
from chat.topic_specs import Topic


async def run(settings: Settings) -> None:
    """Runs until the process is ended."""
    logs.configure(settings.log_level)
    broker = KafkaBroker(list(bootstrap_servers(settings)), acks="all", enable_idempotence=True, logger=None)
    connection = await Connection.open(settings)
    rows, reader = await PlainRows.open(connection), Reader(settings)
    group = settings.consumer_group

    @broker.subscriber(str(Topic.COMMANDS), group_id=group, auto_offset_reset="earliest", ack_policy=AckPolicy.ACK)
    async def take(_body: bytes, message: KafkaMessage) -> None:
        record = message.raw_message
        change = reader.read(record.value, dict(record.headers), record.offset, record.timestamp)
        await rows.write_one_by_one(connection, change)
        await broker.publish(
            encoded(change.event),
            Topic.EVENTS,
            key=change.event.key.encode(),
            partition=record.partition,
            timestamp_ms=change.time,
            headers={name: value.decode() for name, value in change.sent},
        )

    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(run(load()))
