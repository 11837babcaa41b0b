"""The five topics on the brokers: making them, and the check that they are the ones we know.

`apply` never breaks what is there: it refuses before it changes anything.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import NamedTuple

from chat.broker import Broker, Found, Place, broker
from chat.errors import BrokerUnavailable, TopicMadeAnew, TopicMismatch
from chat.settings import Settings
from chat.storage import migrate, topic_registry
from chat.storage.session import Connection
from chat.storage.topic_registry import KnownTopic
from chat.topic_specs import APPEND_TIME, Spec, Topic, specs

__all__ = ["Change", "Topic", "apply", "check", "require_partitions"]


class Change(NamedTuple):
    """One difference. `done` is False where it was left as it is, for only an operator can change it."""

    topic: str
    setting: str
    found: str | None
    wanted: str
    done: bool = True

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.topic}: made with {self.wanted} {self.setting}"
        arrow = "->" if self.done else "is left as it is; wanted"
        return f"{self.topic}: {self.setting} {self.found} {arrow} {self.wanted}"


async def check(settings: Settings, connection: Connection) -> dict[str, KnownTopic]:
    """The topics as recorded, each of them found to be that very topic.

    Raises `TopicMadeAnew`, `TopicMismatch`, `BrokerRefused` or `SchemaMismatch`; or, a server being away,
    `BrokerUnavailable` or `StorageUnavailable`.
    """
    known = await topic_registry.known(connection)
    found = await asyncio.to_thread(broker(settings).describe, Topic)
    for name in Topic:
        if name not in known or name not in found:
            raise TopicMismatch(f"{name} is missing: run `chat topics apply`")
        _require_same(found[name], known[name])
    return known


async def apply(settings: Settings, *, new_epoch: Collection[str] = ()) -> list[Change]:
    """Makes the topics that are missing, alters settings that may be altered, and records what each topic is.

    `new_epoch` names topics that were made anew and are to be taken as they are now: the operator's decision. Safe to
    repeat and to run twice at once. Raises as `check` does, and `BadSetting`; then nothing was altered.
    """
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        return await _Application(settings, connection, new_epoch).run()
    finally:
        await connection.close()


class _Application:
    """One run of `apply`."""

    def __init__(self, settings: Settings, connection: Connection, new_epoch: Collection[str]) -> None:
        self._settings = settings
        self._connection = connection
        self._new_epoch = new_epoch
        self._specs = specs(settings)

    async def run(self) -> list[Change]:
        known = await topic_registry.known(self._connection)
        partitions = self._partitions(known)
        changes = await asyncio.to_thread(self._make, known, partitions)
        for topic in (await self._all_found(partitions)).values():
            write = topic_registry.open_epoch if topic.name in self._new_epoch else topic_registry.record
            await write(self._connection, topic.name, topic.topic_id, topic.partitions)
        return changes

    def _partitions(self, known: Mapping[str, KnownTopic]) -> int:
        """The number that every topic has, recorded or to be recorded."""
        wanted = self._settings.topic_partitions
        for topic in known.values():
            if topic.partitions != wanted:
                found = f"{topic.name} was made with {topic.partitions} partitions, fixed for life"
                raise TopicMismatch(f"{found}; TOPIC_PARTITIONS wants {wanted}")
        return wanted

    def _make(self, known: Mapping[str, KnownTopic], partitions: int) -> list[Change]:
        kafka = broker(self._settings)
        found = kafka.describe(Topic)
        self._refuse(found, known, partitions)
        changes = self._alterations(kafka, found)
        for topic, settings in _by_topic(changes).items():
            kafka.alter(topic, settings)
        return changes + [change for spec in self._specs for change in self._creation(kafka, spec, found, partitions)]

    def _refuse(self, found: Mapping[str, Found], known: Mapping[str, KnownTopic], partitions: int) -> None:
        for topic in found.values():
            require_partitions(topic.name, topic.partitions, partitions)
            if topic.name in known and topic.name not in self._new_epoch:
                _require_same(topic, known[topic.name])
        gone = [name for name in known if name not in found and name not in self._new_epoch]
        if gone:
            raise TopicMismatch(f"{gone[0]} was there and is gone: bring it back, or {_open_epoch(gone[0])}")

    def _alterations(self, kafka: Broker, found: Mapping[str, Found]) -> list[Change]:
        there = kafka.settings_of(found)
        changes = [
            Change(spec.topic, key, there[spec.topic][key], wanted)
            for spec in self._specs
            if spec.topic in found
            for key, wanted in spec.config.items()
            if not _equal(there[spec.topic][key], wanted)
        ]
        for change in changes:
            if change.setting == APPEND_TIME and _holds_records(kafka, found[change.topic]):
                raise TopicMismatch(
                    f"{change.topic} holds records whose times their producers chose ({APPEND_TIME}={change.found}): "
                    f"{change.wanted} is wanted from its first record on"
                )
        return changes + self._replicas(found)

    def _replicas(self, found: Mapping[str, Found]) -> list[Change]:
        wanted = self._settings.topic_replication
        return [
            Change(topic.name, "replicas", str(topic.replicas), str(wanted), done=False)
            for topic in found.values()
            if topic.replicas != wanted
        ]

    def _creation(self, kafka: Broker, spec: Spec, found: Mapping[str, Found], partitions: int) -> list[Change]:
        if spec.topic in found or not kafka.create(
            spec.topic, partitions, self._settings.topic_replication, spec.config
        ):
            return []
        return [Change(spec.topic, "partitions", None, str(partitions))]

    async def _all_found(self, partitions: int) -> dict[str, Found]:
        """Every topic, once each broker has heard of it; another run may have made some of them."""
        for _ in range(100):
            found = await asyncio.to_thread(broker(self._settings).describe, Topic)
            if len(found) == len(Topic):
                for topic in found.values():
                    require_partitions(topic.name, topic.partitions, partitions)
                return found
            await asyncio.sleep(0.1)
        raise BrokerUnavailable("the topics were made, but not every broker knows of them yet: run it again")


def require_partitions(name: str, found: int, wanted: int) -> None:
    """Raises `TopicMismatch` where a topic was found with another number of partitions."""
    if found != wanted:
        raise TopicMismatch(f"{name} has {found} partitions, wanted are {wanted}, fixed for life")


def _require_same(found: Found, known: KnownTopic) -> None:
    if found.topic_id != known.topic_id:
        raise TopicMadeAnew(
            f"{found.name} was made anew: its id is {found.topic_id}, recorded is {known.topic_id}; "
            f"bring the old one back, or {_open_epoch(found.name)}"
        )
    require_partitions(found.name, found.partitions, known.partitions)


def _open_epoch(name: str) -> str:
    return f"take the log as it is now with `chat topics apply --new-epoch {name}`"


def _holds_records(kafka: Broker, found: Found) -> bool:
    places = [Place(found.name, partition) for partition in range(found.partitions)]
    return kafka.begins(places) != kafka.ends(places)


def _equal(found: str, wanted: str) -> bool:
    return sorted(found.split(",")) == sorted(wanted.split(","))


def _by_topic(changes: Collection[Change]) -> dict[str, dict[str, str]]:
    altered: dict[str, dict[str, str]] = {}
    for change in changes:
        if change.done:
            altered.setdefault(change.topic, {})[change.setting] = change.wanted
    return altered
