"""`chat privacy verify`: what is left of a learner, in every table and in its partition of every topic."""

import asyncio
from collections.abc import AsyncIterator

import typer

from chat.broker import Place
from chat.cli.output import AsJsonLines, json_line
from chat.cli.privacy_requests import Learner, Tenant
from chat.cli.send import FAILED
from chat.cli.start import start
from chat.domain import model
from chat.domain.partition import partition_of
from chat.domain.position import EPOCH_SHIFT
from chat.partition_reader import read
from chat.privacy.traces import Searched, Trace, What, in_record, in_row
from chat.settings import Settings
from chat.storage import migrate, scan
from chat.storage.cassandra_erasure import CassandraLifeRows
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection
from chat.topic_specs import Topic

_OFFSETS = (1 << EPOCH_SHIFT) - 1


def verify(*, tenant: Tenant, learner: Learner, _as_json: AsJsonLines = False) -> None:
    """Search every table and topic for what is left of a learner, and print each trace as a JSON line.

    Exit status 1 where there is a row, or a record with words. What goes on in a new life is no trace. It reads whole
    tables: for operators, now and then.
    """
    if asyncio.run(_verify(start(), model.Learner(tenant, learner))):
        raise typer.Exit(FAILED)


async def _verify(settings: Settings, learner: model.Learner) -> bool:
    """Prints the traces; whether there are any but ids."""
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        found = [one async for one in _traces(settings, connection, learner)]
    finally:
        await connection.close()
    return any(one.what is not What.IDS for one in found)


async def _traces(settings: Settings, connection: Connection, learner: model.Learner) -> AsyncIterator[Trace]:
    whose = await _searched(settings, connection, learner)
    async for one in _in_tables(connection, whose):
        json_line(one._asdict())
        yield one
    for topic in Topic:
        for one in await asyncio.to_thread(_in_topic, settings, topic, whose):
            json_line(one._asdict())
            yield one


async def _searched(settings: Settings, connection: Connection, learner: model.Learner) -> Searched:
    held = (await (await LearnerKeys.open(connection, settings, writes=False)).find([learner]))[learner]
    if not held.life.alive or held.life.generation == model.FIRST_GENERATION:
        return Searched(learner, held.cells.open)
    living = held.life.of(learner)
    pages = (await CassandraLifeRows.open(connection)).threads(living)
    threads = frozenset([one async for page in pages for one in page])
    return Searched(learner, held.cells.open, living, threads, held.life.since & _OFFSETS)


async def _in_tables(connection: Connection, whose: Searched) -> AsyncIterator[Trace]:
    for table, columns in (await scan.tables(connection)).items():
        async for page in scan.rows(connection, table, columns):
            for row in page:
                if trace := in_row(table, row, whose):
                    yield trace


def _in_topic(settings: Settings, topic: Topic, whose: Searched) -> list[Trace]:
    place = Place(topic, partition_of(whose.key.encode(), settings.topic_partitions))
    records = (one for batch in read(settings, place) for one in batch)
    return [trace for one in records if (trace := in_record(place, one, whose))]
