"""The five topics: their names, and what each is to be, as data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from chat.errors import BadSetting
from chat.settings import Settings

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIB = 1 << 20
APPEND_TIME = "message.timestamp.type"
COMMAND_BYTES = MIB
CAUSED_BYTES = 2 * MIB
"""How large a record may be: a command, and what it causes, which holds the command's content and somewhat more."""

_ANY_TIME = {f"message.timestamp.{side}.max.ms": str(2**63 - 1) for side in ("before", "after")}
"""A record keeps the time that the worker gave it, be its clock wrong or its command old: refused, it would be
published again and again.
"""


class Topic(StrEnum):
    """The topics' names."""

    COMMANDS = "chat.commands"
    PRIVACY_COMMANDS = "chat.privacy.commands"
    EVENTS = "chat.events"
    REJECTIONS = "chat.rejections"
    DEAD_LETTER = "chat.dead-letter"


class Spec(NamedTuple):
    """What a topic is: its record key and value in words, and its settings in Kafka's own names and units."""

    topic: Topic
    key: str
    value: str
    config: Mapping[str, str]


def specs(settings: Settings) -> tuple[Spec, ...]:
    """Every topic as it is to be. Raises `BadSetting` where no record could ever be acknowledged."""
    if settings.topic_min_isr > settings.topic_replication:
        raise BadSetting("TOPIC_MIN_ISR: must not be more than TOPIC_REPLICATION")
    safe = {"min.insync.replicas": str(settings.topic_min_isr)}
    # Kafka measures a batch as it comes, and once more where it has to unpack it. What is stored as it was packed may
    # be a thousand times as large when it is read.
    measured = {"max.message.bytes": str(COMMAND_BYTES), "compression.type": "uncompressed"}
    stamped = safe | {APPEND_TIME: "LogAppendTime"} | measured
    caused = safe | {"max.message.bytes": str(CAUSED_BYTES)} | _ANY_TIME
    compacted = {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(settings.message_retention_days * DAY),
        "min.compaction.lag.ms": str(HOUR),
        "max.compaction.lag.ms": str(DAY),
        "delete.retention.ms": str(7 * DAY),
    }
    compacted |= _segments(HOUR)
    command = stamped | _segments(1_000 * settings.command_trim_seconds or HOUR)
    outcome = caused | _segments(DAY)
    learner = "<tenant_id>/<learner_id>"
    return (
        Spec(Topic.COMMANDS, learner, "one command", command | _deleted(7)),
        Spec(Topic.PRIVACY_COMMANDS, learner, "one privacy command", command | _deleted(30)),
        Spec(Topic.EVENTS, "the entity", "one event, or null: a Kafka tombstone", caused | compacted),
        Spec(Topic.REJECTIONS, f"{learner} of the command", "CommandRejected", outcome | _deleted(7)),
        Spec(Topic.DEAD_LETTER, "the record's own key", "the record's own bytes", outcome | _deleted(7)),
    )


def _deleted(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY)}


def _segments(close_after: int) -> dict[str, str]:
    """For how long (ms) a segment takes records, and how long its file stays when it is deleted."""
    return {"segment.ms": str(close_after), "file.delete.delay.ms": str(MINUTE)}
