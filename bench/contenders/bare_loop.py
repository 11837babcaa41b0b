"""A yardstick: what this machine and these libraries can do where nothing is checked.

An aiokafka loop that polls, decodes, writes the rows of the whole poll side by side in unlogged batches of 60 grouped
by replica set, which the driver binds, sends the events, awaits all of it, and commits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cassandra.query import BatchStatement, BatchType

from bench.plain import Change, Reader, encoded
from bench.rows import PlainRows, Row
from chat import logs
from chat.kafka import aiokafka
from chat.settings import Settings, load
from chat.storage.session import Connection
from chat.topic_specs import Topic

MAX_RECORDS = 2_000
MAX_ROWS = 60


async def run(settings: Settings) -> None:
    """Runs until the process is ended."""
    logs.configure(settings.log_level)
    connection = await Connection.open(settings)
    rows, reader = await PlainRows.open(connection), Reader(settings)
    group = {"group_id": settings.consumer_group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(Topic.COMMANDS, **aiokafka(settings), **group)
    producer = AIOKafkaProducer(**aiokafka(settings), acks="all", enable_idempotence=True)
    await asyncio.gather(consumer.start(), producer.start())
    while True:
        polled = await consumer.getmany(timeout_ms=1_000, max_records=MAX_RECORDS)
        changes = [(tp.partition, _read(reader, one)) for tp, many in polled.items() for one in many]
        if changes:
            batches = _batches(connection, rows.of([change for _, change in changes]))
            await connection.execute_all((batch, None) for batch in batches)
            await asyncio.gather(*[await _emit(producer, partition, change) for partition, change in changes])
            await consumer.commit()


def _read(reader: Reader, record: Any) -> Change:
    return reader.read(record.value, dict(record.headers), record.offset, record.timestamp)


def _batches(connection: Connection, rows: Iterable[Row]) -> Iterator[BatchStatement]:
    groups: defaultdict[Any, list[Row]] = defaultdict(list)
    metadata, keyspace = connection.cluster.metadata, connection.keyspace
    several = len(metadata.all_hosts()) > 1
    for row in rows:
        routing = row.statement.bind(row.values).routing_key if several else None
        groups[frozenset(metadata.get_replicas(keyspace, routing)) if several else None].append(row)
    for group in groups.values():
        for start in range(0, len(group), MAX_ROWS):
            yield _batch(group[start : start + MAX_ROWS])


def _batch(rows: Iterable[Row]) -> BatchStatement:
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.is_idempotent = True
    for row in rows:
        batch.add(row.statement, row.values)
    return batch


async def _emit(producer: AIOKafkaProducer, partition: int, change: Change) -> Any:
    """Queues the event; the future is the broker's acknowledgement."""
    event = change.event
    where = {"key": event.key.encode(), "partition": partition, "timestamp_ms": change.time, "headers": change.sent}
    return await producer.send(Topic.EVENTS, encoded(event), **where)


if __name__ == "__main__":
    asyncio.run(run(load()))
