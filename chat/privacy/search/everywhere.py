"""One learner, searched in every table and topic, and in the files that one is pointed at."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chat.broker import Found, Place, broker, describe_all
from chat.domain import model
from chat.domain.model import Learner
from chat.domain.partition import learner_key, partition_of
from chat.domain.position import EPOCH_SHIFT
from chat.errors import CellDamaged
from chat.partition_reader import read
from chat.privacy.envelope import DataKey
from chat.privacy.kek import KeyEncryption
from chat.privacy.search.disk import DiskSearch, FoundKey, Wanted
from chat.privacy.search.surviving_keys import KeySearch, SurvivingKey
from chat.privacy.subject import SECRET, Subjects
from chat.privacy.traces import Open, Searched, Trace, What, in_record, in_row
from chat.settings import Settings
from chat.storage import migrate, scan
from chat.storage.cassandra_erasure import CassandraLifeRows
from chat.storage.learner_keys import Held, LearnerKeys
from chat.storage.session import Connection
from chat.topic_specs import Topic

_OFFSETS = (1 << EPOCH_SHIFT) - 1
_SENT = frozenset({Topic.COMMANDS, Topic.PRIVACY_COMMANDS, Topic.DEAD_LETTER})
"""Topics whose records lie where their producers put them, and dead letters beside these."""


@dataclass(frozen=True)
class Everywhere:
    """Where is searched: `paths` are files and folders, `keyrings` have key-encryption keys."""

    settings: Settings
    connection: Connection
    paths: Sequence[Path]
    keyrings: Sequence[KeyEncryption]
    keys: LearnerKeys
    subjects: Subjects
    rows: CassandraLifeRows

    @classmethod
    async def open(
        cls, settings: Settings, connection: Connection, paths: Sequence[Path], keyrings: Sequence[KeyEncryption]
    ) -> Self:
        """Raises `KeyStoreUnfit` and `StorageUnavailable`."""
        keys = await LearnerKeys.open(connection, settings, writes=False)
        subjects = Subjects(await migrate.service_secret(connection, SECRET))
        return cls(settings, connection, paths, keyrings, keys, subjects, await CassandraLifeRows.open(connection))

    async def traces(
        self, learner: Learner, texts: Sequence[str], *, spare_living: bool = True
    ) -> AsyncIterator[tuple[str, Trace]]:
        """Every trace, with where was searched: `tables`, `topics`, or a path that was given.

        `spare_living`: whether what is of a life that goes on behind an ended one is no trace. Raises
        `KeyStoreUnavailable` and `KeyStoreUnfit`, for without a key store nobody knows what it opens, `TopicMismatch`
        where a topic is missing, and as the storage and the broker do.
        """
        held = (await self.keys.find([learner]))[learner]
        found = [(str(path), one) for path in self.paths async for one in self._surviving(path, learner, held)]
        living = held.life.generation if spare_living and _is_later(held) else 0
        for path, one in found:
            if one.key.generation != living:
                yield path, Trace(What.KEY, one.place, f"of generation {one.key.generation}: {one.key.epoch} opens it")
        keys = list(dict.fromkeys(one.key for _, one in found))
        whose = Searched(learner, _opener(held, learner, keys), self._home(learner))
        if living:
            whose = await self._with_living(whose, held)
        async for searched, trace in self._everywhere(Wanted(whose, texts, keys)):
            yield searched, trace

    async def _everywhere(self, wanted: Wanted) -> AsyncIterator[tuple[str, Trace]]:
        async for trace in self._in_tables(wanted.whose):
            yield "tables", trace
        async for trace in self._in_topics(wanted.whose):
            yield "topics", trace
        for path in self.paths:
            async for trace in DiskSearch(self.keyrings).traces(path, wanted):
                yield str(path), trace

    def _surviving(self, path: Path, learner: Learner, held: Held) -> AsyncIterator[FoundKey]:
        search = KeySearch(self.subjects.of(learner), held.life.generation, self.keyrings)
        return DiskSearch(self.keyrings).keys(path, search)

    async def _with_living(self, whose: Searched, held: Held) -> Searched:
        living = held.life.of(whose.learner)
        threads = frozenset([one async for page in self.rows.threads(living) for one in page])
        return whose._replace(living=living, threads=threads, since=held.life.since & _OFFSETS)

    async def _in_tables(self, whose: Searched) -> AsyncIterator[Trace]:
        for table, columns in (await scan.tables(self.connection)).items():
            async for page in scan.rows(self.connection, table, columns):
                for row in page:
                    if trace := in_row(table, row, whose):
                        yield trace

    async def _in_topics(self, whose: Searched) -> AsyncIterator[Trace]:
        for place in await asyncio.to_thread(self._places, whose.home):
            for trace in await asyncio.to_thread(self._in_partition, place, whose):
                yield trace

    def _home(self, learner: Learner) -> int:
        return partition_of(learner_key(*learner).encode(), self.settings.topic_partitions)

    def _places(self, home: int) -> list[Place]:
        found = describe_all(broker(self.settings), Topic)
        return [Place(topic.name, one) for topic in found.values() for one in _partitions(topic, home)]

    def _in_partition(self, place: Place, whose: Searched) -> list[Trace]:
        records = (one for batch in read(self.settings, place) for one in batch)
        return [trace for one in records if (trace := in_record(place, one, whose))]


def _partitions(topic: Found, home: int) -> Sequence[int]:
    """Where a learner's records may lie: what the service itself says of one lies on its partition."""
    return range(topic.partitions) if topic.name in _SENT else [home]


def _is_later(held: Held) -> bool:
    """Whether there is a life that goes on behind an ended one."""
    return held.life.alive and held.life.generation != model.FIRST_GENERATION


def _opener(held: Held, learner: Learner, keys: Sequence[SurvivingKey]) -> Open:
    """Opens a cell with the key of the latest life, or with any that survived."""
    survived = [DataKey(one.key, one.version, model.LearnerId(*learner, one.generation)) for one in keys]
    tried: list[Open] = [held.cells.open, *(one.open for one in survived)]

    def opened(*cell: Any) -> str:
        for one in tried:
            try:
                return one(*cell)
            except CellDamaged:
                continue
        raise CellDamaged("no key that is left opens it")

    return opened
