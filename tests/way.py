"""The whole way of a command without any server: the store and the publisher live in memory."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import schemas
from chat.domain.model import LearnerId, ThreadKey
from chat.domain.moderation import Moderate, keep
from chat.domain.verdict import Limits, Remembered
from chat.storage.command_keys import Opener
from chat.storage.memory import MemoryStore
from chat.storage.memory_privacy import MemoryRequests
from chat.storage.store import FEW_IDS, Ids, LoadedThread
from streams.apply import Judge
from streams.authorise import Gate
from streams.emit import Emitter
from streams.fence import Fences
from streams.framing import FindSchemas, Framing
from streams.lane import CommandWay
from streams.lease import Lease
from streams.memory import MEMORY_BYTES, Memory
from streams.opening import Find, Opening
from streams.publish import Outgoing
from streams.recent import RECENT_BYTES
from streams.waiting import Waiting
from tests.memory_lives import MemoryLives
from tests.records import PARTITIONS, SEAL, SUBJECTS, Sent, verifier


class MemoryPublisher:
    """Keeps what is published, by topic and partition."""

    def __init__(self) -> None:
        self.topics: dict[tuple[str, int], list[Outgoing]] = {}

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        self.topics.setdefault((topic, partition), []).extend(records)

    def records(self, topic: str) -> list[Outgoing]:
        """Everything on a topic, partition after partition."""
        return [one for (name, _), records in sorted(self.topics.items()) if name == topic for one in records]

    def decoded(self, topic: str) -> list[schemas.Record]:
        """Everything on a topic but Kafka tombstones, decoded."""
        return [schemas.decode(one.value) for one in self.records(topic) if one.value is not None]


class NarrowStore(MemoryStore):
    """Reads `most` ids on first touch; keeps in `asked` which were looked up one by one."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.asked: list[str] = []

    async def load_threads(self, keys: Collection[ThreadKey], ids: int = FEW_IDS) -> dict[ThreadKey, LoadedThread]:
        return await super().load_threads(keys, self._most if ids == FEW_IDS else ids)

    async def load_commands(self, learners: Collection[LearnerId], ids: int = FEW_IDS) -> dict[LearnerId, Ids]:
        return await super().load_commands(learners, self._most if ids == FEW_IDS else ids)

    async def find_commands(
        self, wanted: Mapping[LearnerId, Collection[str]]
    ) -> dict[tuple[LearnerId, str], Remembered]:
        self.asked += [one for ids in wanted.values() for one in ids]
        return await super().find_commands(wanted)

    async def find_messages(self, wanted: Mapping[ThreadKey, Collection[str]]) -> dict[tuple[ThreadKey, str], int]:
        self.asked += [one for ids in wanted.values() for one in ids]
        return await super().find_messages(wanted)


async def no_command_keys(_key_ids: Collection[bytes]) -> Mapping[bytes, Opener]:
    """Of a service that never had any."""
    return {}


async def _is_member() -> bool:
    return True


@dataclass
class World:
    """One worker with its store and its topics."""

    store: MemoryStore = field(default_factory=MemoryStore)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    messages_per_thread: int = 1000
    retention: int = 0
    moderate: Moderate = keep
    lease: Lease = field(default_factory=lambda: Lease(_is_member))
    find_command_keys: Find = no_command_keys
    find_schemas: FindSchemas | None = None
    registry_since: int = 0
    share: int = MEMORY_BYTES
    recent: int = RECENT_BYTES
    requests: MemoryRequests = field(default_factory=lambda: MemoryRequests(SUBJECTS))
    lives: MemoryLives = field(init=False)

    def __post_init__(self) -> None:
        self.lives = MemoryLives(self.store, SUBJECTS)

    def run(self, records: Sequence[Sent], chunk_size: int = 250) -> None:
        """Takes `records` as a fresh owner would: every partition from its first record on."""
        asyncio.run(self.go(records, chunk_size))

    async def go(self, records: Sequence[Sent], chunk_size: int = 250) -> None:
        way = self._way()
        for partition in range(PARTITIONS):
            memory = Memory(self.share, self.recent)
            mine = [one for one in records if one.partition == partition]
            for start in range(0, len(mine), chunk_size):
                await way.go(memory, mine[start : start + chunk_size])

    def events(self) -> list[schemas.Record]:
        return self.publisher.decoded("chat.events")

    def refusals(self) -> list[schemas.Record]:
        return self.publisher.decoded("chat.rejections")

    def codes(self) -> list[str]:
        return [one.fields["code"] for one in self.refusals()]

    def _way(self) -> CommandWay:
        waiting = Waiting()
        limits = Limits(self.messages_per_thread, lambda _tenant: self.retention, self.moderate)
        judge = Judge(self.store, waiting, limits, b"k" * 32, epoch=1)
        emitter = Emitter(self.publisher, schemas.Format.AVRO, PARTITIONS)  # type: ignore[arg-type]
        gate = Gate(verifier(), PARTITIONS, SEAL)
        fences = Fences(self.requests, self.lives, self.store, SUBJECTS, waiting, epoch=1)
        framing = None if self.find_schemas is None else Framing(self.find_schemas, waiting, self.registry_since)
        opening = Opening(self.find_command_keys, waiting, framing)
        return CommandWay(gate, judge, self.store, emitter, waiting, self.lease, fences, opening)
