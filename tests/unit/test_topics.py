"""The five topics as data."""

import pytest

from chat.errors import BadSetting
from chat.topic_specs import Topic, specs
from chat.topics import Change
from tests.records import settings_for_tests

DAY = 86_400_000


def config(topic: Topic, **changes: object) -> dict[str, str]:
    return next(dict(spec.config) for spec in specs(settings_for_tests(**changes)) if spec.topic == topic)


def test_every_topic_has_one_spec() -> None:
    """Each of the five names is specified exactly once."""
    assert sorted(spec.topic for spec in specs(settings_for_tests())) == sorted(Topic)


@pytest.mark.parametrize(("topic", "days"), [(Topic.COMMANDS, 7), (Topic.PRIVACY_COMMANDS, 30)])
def test_commands_are_stamped_by_the_broker_and_kept_for_days(topic: Topic, days: int) -> None:
    """A command topic deletes after its days, takes the broker's time and up to 1 MiB, unpacked."""
    assert config(topic) == {
        "cleanup.policy": "delete",
        "retention.ms": str(days * DAY),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1048576",
        "compression.type": "uncompressed",
        "min.insync.replicas": "1",
        "segment.ms": "3600000",
        "file.delete.delay.ms": "60000",
    }
    assert config(topic, command_trim_seconds=60)["segment.ms"] == "60000"


def test_events_are_compacted_and_live_as_long_as_messages() -> None:
    """Events are compacted within a day, deleted with the messages, and of any time."""
    assert config(Topic.EVENTS, message_retention_days=30) == {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(30 * DAY),
        "min.compaction.lag.ms": "3600000",
        "max.compaction.lag.ms": str(DAY),
        "delete.retention.ms": str(7 * DAY),
        "max.message.bytes": "2097152",
        "message.timestamp.before.max.ms": "9223372036854775807",
        "message.timestamp.after.max.ms": "9223372036854775807",
        "min.insync.replicas": "1",
        "segment.ms": "3600000",
        "file.delete.delay.ms": "60000",
    }


@pytest.mark.parametrize("topic", [Topic.REJECTIONS, Topic.DEAD_LETTER])
def test_what_a_command_causes_has_room_for_all_of_it(topic: Topic) -> None:
    """Refusals and dead letters are kept for 7 days, of any time, and may be twice as large as a command."""
    assert config(topic, topic_replication=3, topic_min_isr=2) == {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * DAY),
        "max.message.bytes": "2097152",
        "message.timestamp.before.max.ms": "9223372036854775807",
        "message.timestamp.after.max.ms": "9223372036854775807",
        "min.insync.replicas": "2",
        "segment.ms": str(DAY),
        "file.delete.delay.ms": "60000",
    }


def test_more_replicas_in_sync_than_replicas_are_refused() -> None:
    """TOPIC_MIN_ISR above TOPIC_REPLICATION, with which nothing is ever acknowledged, is a wrong setting."""
    with pytest.raises(BadSetting, match="TOPIC_MIN_ISR"):
        specs(settings_for_tests(topic_min_isr=2))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("chat.events", "partitions", None, "8"), "chat.events: made with 8 partitions"),
        (Change("chat.events", "retention.ms", "1", "2"), "chat.events: retention.ms 1 -> 2"),
        (
            Change("chat.events", "replicas", "1", "3", done=False),
            "chat.events: replicas 1 is left as it is; wanted 3",
        ),
    ],
)
def test_a_change_says_what_it_is(change: Change, text: str) -> None:
    """A change names its topic, what was found, what is wanted and whether it was made."""
    assert str(change) == text
