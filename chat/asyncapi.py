"""The topics described in AsyncAPI 3.1, from the schemas, the topics' settings and the codes of the outcomes."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from chat.asyncapi_messages import dead_letter, messages, tombstone
from chat.domain.verdicts import Code
from chat.sdk.record import PRIVACY
from chat.settings import Settings
from chat.topic_specs import Spec, Topic, specs
from schemas import PUBLISHED
from schemas.errors import UNREADABLE
from streams.internal import INTERNAL

Document = dict[str, Any]

BINDING = "0.5.0"
"""The version of AsyncAPI's Kafka bindings."""

COMMANDS = [name for name in PUBLISHED.commands if name not in INTERNAL]
"""What clients may send."""

REFUSED = {str(code): code.meaning for code in Code}

_NUMBERS = frozenset({"retention.ms", "delete.retention.ms", "max.message.bytes"})
"""Settings of a topic that the bindings know as numbers."""

ABOUT = """\
Every command of a client goes through Kafka, and every record of a command topic ends in exactly one of these:

1. applied: its event is on `chat.events`, with the command's `command_id`;
2. refused: a `CommandRejected` with a code is on `chat.rejections`;
3. dead letter: its own bytes are on `chat.dead-letter`, with the reason in `x-error-code`.

**Partition.** Every record of a learner is on the partition that murmur2 (the Java client's default partitioner) gives
`<tenant_id>/<learner_id>`, in every topic, whatever the record's own key. Clients of librdkafka set
`partitioner=murmur2_random`. A command on another partition is refused `key_mismatch`.

**Value.** Avro in single-object encoding: `C3 01`, the schema's CRC-64-AVRO fingerprint (8 bytes, little-endian), the
datum. Or, where the first byte is `{`, the same record as JSON in UTF-8. Both are read everywhere; which one the
service writes is `EVENT_FORMAT`. Each message stands here in both forms; names of the second end in `_json`. Where the
operator has a schema registry, Confluent's framing is read too, and written with the schema's fingerprint in the header
`avro-fingerprint`.

**Sending again.** The same command, with the same `command_id`, may be sent again at any time: it takes effect once.
The second is refused `duplicate`, with the first one's `event_id`, which clients count as success. The events of one
`event_id` are the same event.

**Producers** use `acks=all` and idempotence.
"""


def document(settings: Settings) -> Document:
    """The topics as these settings make them. Raises `BadSetting`, as `specs` does."""
    described = {spec.topic: spec for spec in specs(settings)}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "AIVO chat: topics",
            "version": version("aivo-chat"),
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "The broker of `chat up`; elsewhere what KAFKA_BOOTSTRAP_SERVERS says.",
                "bindings": {"kafka": {"bindingVersion": BINDING}},
            }
        },
        "channels": {_name(topic): _channel(settings, spec) for topic, spec in described.items()},
        "operations": _operations(settings),
        "components": {"messages": _components()},
    }


def _carried(topic: Topic) -> list[str]:
    """The names of a topic's messages."""
    records = {
        Topic.COMMANDS: [name for name in COMMANDS if name not in PRIVACY],
        Topic.PRIVACY_COMMANDS: [name for name in COMMANDS if name in PRIVACY],
        Topic.EVENTS: list(PUBLISHED.events),
        Topic.REJECTIONS: ["CommandRejected"],
        Topic.DEAD_LETTER: [],
    }[topic]
    both = [form for name in records for form in (name, f"{name}_json")]
    alone = {Topic.EVENTS: ["Tombstone"], Topic.DEAD_LETTER: ["DeadLetter"]}
    return both + alone.get(topic, [])


def _components() -> Document:
    records = [PUBLISHED.newest[name] for name in (*COMMANDS, *PUBLISHED.events, "CommandRejected")]
    both = {name: message for one in records for name, message in messages(one).items()}
    return both | {"Tombstone": tombstone(), "DeadLetter": dead_letter()}


def _channel(settings: Settings, spec: Spec) -> Document:
    return {
        "address": spec.topic.value,
        "title": spec.value,
        "description": f"Record key: {spec.key}.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried(spec.topic)},
        "bindings": {
            "kafka": {
                "partitions": settings.topic_partitions,
                "replicas": settings.topic_replication,
                "topicConfiguration": {name: _setting(name, value) for name, value in spec.config.items()},
                "bindingVersion": BINDING,
            }
        },
    }


def _setting(name: str, value: str) -> Any:
    if name == "cleanup.policy":
        return value.split(",")
    return int(value) if name in _NUMBERS else value


def _operations(settings: Settings) -> Document:
    """What the service does; a producer and a consumer do the opposite."""
    group = {"kafka": {"groupId": {"type": "string", "const": settings.consumer_group}, "bindingVersion": BINDING}}
    read = {"bindings": group}
    return {
        "applyCommands": _operation("receive", Topic.COMMANDS, "Producers send commands; the worker reads them.")
        | read,
        "takePrivacyRequests": _operation(
            "receive", Topic.PRIVACY_COMMANDS, "Producers ask for export and erasure; the worker reads it."
        )
        | read,
        "announceEvents": _operation("send", Topic.EVENTS, "Consumers read what was applied."),
        "refuseCommands": _operation(
            "send", Topic.REJECTIONS, _listed(REFUSED, "Consumers read why a command was refused")
        ),
        "setDeadLettersAside": _operation(
            "send", Topic.DEAD_LETTER, _listed(UNREADABLE, "Consumers read what could not be read")
        ),
    }


def _operation(action: str, topic: Topic, said: str) -> Document:
    channel = f"#/channels/{_name(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": said.partition("\n")[0],
        "description": said,
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _carried(topic)],
    }


def _listed(codes: Mapping[str, str], said: str) -> str:
    return "\n".join(
        [f"{said}, by the first check that failed:", "", *(f"- `{code}`: {why}" for code, why in codes.items())]
    )


def _name(topic: Topic) -> str:
    """A channel's name: the topic's, without the characters that some generators cannot take."""
    first, *rest = topic.value.removeprefix("chat.").replace("-", ".").split(".")
    return first + "".join(part.capitalize() for part in rest)
