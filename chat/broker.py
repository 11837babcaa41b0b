"""Kafka's administration, as few calls as the service needs: each blocks its thread, and its errors are ours."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from chat.errors import BrokerRefused, BrokerUnavailable, NotSent, TopicMismatch
from chat.kafka import librdkafka
from chat.settings import Settings

SECONDS = 10.0
"""How long one question may take."""

TRANSIENT = frozenset(
    {
        "_TRANSPORT",
        "_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_ALL_BROKERS_DOWN",
        "_RESOLVE",
        "_MSG_TIMED_OUT",
        "_WAIT_COORD",
        "_NOENT",  # librdkafka's word for partitions that have no leader just now
        # What it says where the metadata that it has just been given lacks a topic, as that of a broker that has begun
        # anew may. That a topic is not there is for `chat.topics.check` to say.
        "_UNKNOWN_TOPIC",
        "_UNKNOWN_PARTITION",
        "UNKNOWN_TOPIC_OR_PART",
        "REQUEST_TIMED_OUT",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
        "NOT_CONTROLLER",
        "NETWORK_EXCEPTION",
        "BROKER_NOT_AVAILABLE",
        "REPLICA_NOT_AVAILABLE",
        "NOT_ENOUGH_REPLICAS",
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "OFFSET_NOT_AVAILABLE",
        "STALE_CTRL_EPOCH",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "FENCED_LEADER_EPOCH",
        "UNKNOWN_LEADER_EPOCH",
    }
)
"""Kafka's names of the errors that pass; all others stay until somebody changes something."""

NO_TOKEN = "Failed to acquire SASL OAUTHBEARER token: "  # noqa: S105 - what is said where there is none
"""How librdkafka begins to say that OAuth's endpoint gave none; what follows is the endpoint's own answer."""

OUR_CERTIFICATE = re.compile(r"SSL alert number (4[2-689]|116)\b")
"""A broker that does not trust a client's certificate hangs up with one of these alerts of TLS; librdkafka has it for a
broken connection."""

TOO_LARGE = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"})


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Acl(NamedTuple):
    """That somebody may do something, from any host."""

    kind: ResourceType
    pattern: ResourcePatternType
    name: str
    principal: str
    operation: AclOperation

    @property
    def binding(self) -> AclBinding:
        """It as the client takes it."""
        allow = AclPermissionType.ALLOW
        return AclBinding(self.kind, self.name, self.pattern, self.principal, "*", self.operation, allow)


class Found(NamedTuple):
    """A topic as the brokers have it; `topic_id` is a UUID in base64 for URLs, as Kafka's own tools print it."""

    name: str
    topic_id: str
    partitions: int
    replicas: int


def typed(error: KafkaError) -> BrokerUnavailable | BrokerRefused | NotSent:
    """Our error for one of Kafka's."""
    if error.str().startswith(NO_TOKEN):
        return _without_token(error.str().removeprefix(NO_TOKEN))
    if error.name() in TOO_LARGE:
        return NotSent("Kafka does not take a record of that size")
    if error.name() in TRANSIENT and not OUR_CERTIFICATE.search(error.str()):
        return BrokerUnavailable(f"Kafka does not answer: {error.str()}")
    return BrokerRefused(f"Kafka refuses: {error.str()}")


def _without_token(answer: str) -> BrokerUnavailable | BrokerRefused:
    """An endpoint that says no does so in JSON (RFC 6749 §5.2), which may hold more than belongs into a log."""
    if answer.startswith("{"):
        return BrokerRefused("KAFKA_SASL_OAUTH_TOKEN_URL gives no token to this KAFKA_SASL_USERNAME and _PASSWORD")
    return BrokerUnavailable("KAFKA_SASL_OAUTH_TOKEN_URL does not answer")


class Broker:
    """One administration client at a time. Every method raises `BrokerUnavailable` or `BrokerRefused`.

    After `BrokerUnavailable` the next question goes to another client: what the first one holds of connections and
    leaders is no reason to wait once the brokers answer again.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self._heard: list[KafkaError] = []
        self._client = self._connect()

    def _connect(self) -> AdminClient:
        try:
            return AdminClient(self._config | {"error_cb": self._hear})
        except KafkaException as problem:
            raise typed(problem.args[0]) from None

    @contextmanager
    def _asking(self) -> Iterator[AdminClient]:
        """The client for a question, held until its answers are there: another thread may have it replaced."""
        client = self._client
        try:
            yield client
        except KafkaException as problem:
            fault = self._typed(client, problem.args[0])
            if isinstance(fault, BrokerUnavailable) and self._client is client:
                self._client = self._connect()
            raise fault from None

    def describe(self, names: Iterable[str]) -> dict[str, Found]:
        """Those of the topics that are there, by name."""
        wanted = TopicCollection([str(name) for name in names])
        with self._asking() as client:
            answers = client.describe_topics(wanted, request_timeout=SECONDS)
            found = {name: _answer(future, none_for="UNKNOWN_TOPIC_OR_PART") for name, future in answers.items()}
        return {name: _found(name, topic) for name, topic in found.items() if topic is not None}

    def create(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> bool:
        """Makes a topic; False where it is there already, perhaps since a moment ago."""
        topic = NewTopic(str(name), num_partitions=partitions, replication_factor=replicas, config=dict(config))
        with self._asking() as client:
            answer = client.create_topics([topic], request_timeout=SECONDS)[str(name)]
            return _answer(answer, none_for="TOPIC_ALREADY_EXISTS", done=True) is not None

    def settings_of(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Every setting of each topic, the defaults too."""
        resources = [ConfigResource(ResourceType.TOPIC, str(name)) for name in names]
        if not resources:
            return {}
        with self._asking() as client:
            return {
                resource.name: {name: entry.value for name, entry in _answer(future).items()}
                for resource, future in client.describe_configs(resources, request_timeout=SECONDS).items()
            }

    def alter(self, name: str, settings: Mapping[str, str]) -> None:
        """Changes these settings of a topic and no others."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, str(name), incremental_configs=entries)
        with self._asking() as client:
            for future in client.incremental_alter_configs([resource], request_timeout=SECONDS).values():
                _answer(future)

    def grant(self, acls: Iterable[Acl]) -> None:
        """Lets these be done from now on; those that may be done already stay so."""
        with self._asking() as client:
            for future in client.create_acls([one.binding for one in acls], request_timeout=SECONDS).values():
                _answer(future)

    def begins(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that each partition still has."""
        return self._offsets(places, OffsetSpec.earliest())

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset that the next record of each partition gets."""
        return self._offsets(places, OffsetSpec.latest())

    def first_since(self, places: Iterable[Place], time: int) -> dict[Place, int]:
        """For each partition that has a record of `time` (UTC ms) or later, the offset of its first."""
        found = self._offsets(places, OffsetSpec.for_timestamp(time))
        return {place: offset for place, offset in found.items() if offset >= 0}

    def delete_before(self, offsets: Mapping[Place, int]) -> None:
        """Lets partitions begin at these offsets, none of them negative; those that begin later already stay so.

        Nobody can read what stood before. Its bytes go with their segments: see `chat.privacy.bounds`.
        """
        asked = [TopicPartition(str(place.topic), place.partition, offset) for place, offset in offsets.items()]
        with self._asking() as client:
            for future in (client.delete_records(asked, request_timeout=SECONDS) if asked else {}).values():
                _answer(future)

    def _offsets(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
        asked = {TopicPartition(str(place.topic), place.partition): spec for place in places}
        with self._asking() as client:
            answers = client.list_offsets(asked, request_timeout=SECONDS) if asked else {}
            return {Place(at.topic, at.partition): _answer(future).offset for at, future in answers.items()}

    def _typed(self, client: AdminClient, error: KafkaError) -> BrokerUnavailable | BrokerRefused | NotSent:
        """A time-out says nothing of its cause: what the client heard of its connection meanwhile does."""
        self._heard.clear()
        client.poll(0)
        return typed(self._heard[-1] if self._heard and error.name() in TRANSIENT else error)

    def _hear(self, error: KafkaError) -> None:
        if error.name() != "_ALL_BROKERS_DOWN":  # says less than the one before it
            self._heard.append(error)


def _answer(future: Any, *, none_for: str = "", done: Any = None) -> Any:
    """Raises `KafkaException`, unless what is said is named by `none_for`."""
    try:
        return future.result() or done
    except KafkaException as problem:
        if problem.args[0].name() == none_for:
            return None
        raise


def broker(settings: Settings) -> Broker:
    """The process's one client for these settings."""
    return _broker(tuple(librdkafka(settings).items()))


def describe_all(there: Broker, names: Iterable[str]) -> dict[str, Found]:
    """The topics by name, in the names' order. Raises `TopicMismatch` where one of them is missing."""
    wanted = list(names)
    found = there.describe(wanted)
    for name in wanted:
        if name not in found:
            raise TopicMismatch(f"{name} is missing: run `chat topics apply`")
    return {name: found[name] for name in wanted}


@functools.lru_cache(maxsize=1)
def _broker(config: tuple[tuple[str, Any], ...]) -> Broker:
    return Broker(dict(config))


def _found(name: str, topic: Any) -> Found:
    topic_id = str(topic.topic_id).replace("+", "-").replace("/", "_")
    replicas = min((len(partition.replicas) for partition in topic.partitions), default=0)
    return Found(name, topic_id, len(topic.partitions), replicas)
