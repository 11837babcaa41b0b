"""A command as a Kafka record: its ids, topic, key and value."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

import schemas
from chat.domain.partition import learner_key, partition_of
from chat.errors import BadInput
from chat.ids import new_id
from chat.privacy.sealed_command import CommandKey
from chat.topic_specs import Topic

PRIVACY = frozenset({"ExportLearnerData", "DeleteLearnerData", "EnrolLearner"})
MADE_IDS = {"CreateThread": "thread_id", "PostMessage": "message_id"} | dict.fromkeys(PRIVACY, "request_id")
"""The id, beside `command_id`, that a command gives to something new."""

Identity = tuple[str, str, str]
"""tenant_id, learner_id and command_id."""


class Outgoing(NamedTuple):
    """One record to send. `identity` is None where the command does not say whose it is: it ends as a dead letter."""

    command: dict[str, Any]
    topic: Topic
    key: bytes | None
    value: bytes
    identity: Identity | None

    def partition(self, partitions: int) -> int:
        """Where its learner's records are, of so many partitions."""
        return 0 if self.key is None else partition_of(self.key, partitions)


def outgoing(command: Mapping[str, Any], seal_to: CommandKey | None = None) -> Outgoing:
    """The record of `{"type": …, …}`, with the ids that are missing.

    The value is Avro, sealed where there is a key to `seal_to`. A command that fits no schema goes as the JSON that it
    is: the service judges, and its verdict comes back as any other. Raises `BadInput` for what is no JSON.
    """
    filled = dict(command)
    for name in ("command_id", MADE_IDS.get(str(command.get("type")))):
        if name is not None:
            filled.setdefault(name, new_id())
    identity = _identity(filled)
    key = None if identity is None else learner_key(*identity[:2]).encode()
    topic = Topic.PRIVACY_COMMANDS if str(filled.get("type")) in PRIVACY else Topic.COMMANDS
    value = _value(filled)
    return Outgoing(filled, topic, key, value if seal_to is None else seal_to.seal(value, topic, key), identity)


def _identity(command: Mapping[str, Any]) -> Identity | None:
    ids = tuple(command.get(name) for name in ("tenant_id", "learner_id", "command_id"))
    return ids if all(isinstance(one, str) for one in ids) else None  # type: ignore[return-value]


def _value(command: Mapping[str, Any]) -> bytes:
    written = _json(command)
    try:
        return schemas.encode(*schemas.decode_command(written))
    except schemas.CodecError:
        return written


def _json(command: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(command)
    except orjson.JSONEncodeError:  # also for an integer beyond 64 bits, which JSON can say
        pass
    try:
        return json.dumps(command, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput("command", "must be what JSON can say") from error
