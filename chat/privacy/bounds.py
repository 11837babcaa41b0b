"""By when the bytes of an erased learner's words are gone: what a receipt promises, and of which parts it is the sum.

- `chat.commands`: a record shares its segment with records that come after it, for as long as the segment is open; it
  goes with the youngest of them, when that is old enough to be trimmed. Owners look for both every `LOOK`; Kafka
  looks for segments to delete every `RETENTION_CHECK`, and keeps a file a little longer. Where nothing is trimmed
  (`COMMAND_TRIM_SECONDS=0`), the topic's retention takes the place of that age.
- `chat.events`: a segment is closed when a record comes that is too late for it. That may just have missed it, and
  the owner's heartbeat is as late behind it. Closed for `min.compaction.lag.ms` it may be compacted, and as old as
  `max.compaction.lag.ms` it must be; `CLEANER` is for the cleaner to come by.
- Refusals, which hold no words, and dead letters go by age alone, with their segment.
- Cassandra: what is deleted leaves the data files when they are compacted. That has no bound of its own, so the
  operator's weekly `nodetool garbagecollect` is one; `gc_grace_seconds` is before it, for replicas that were away.
"""

from collections.abc import Mapping
from typing import NamedTuple

from chat.settings import Settings
from chat.topic_specs import DAY, HOUR, MINUTE, Topic, specs

LOOK = MINUTE
"""Milliseconds in which an owner has looked at its partitions, to trim them and to close segments."""

RETENTION_CHECK = 5 * MINUTE
"""`log.retention.check.interval.ms` of the brokers: Kafka's default."""

CLEANER = HOUR
GC_GRACE = 10 * DAY
GARBAGE_COLLECTION = 7 * DAY

Parts = Mapping[str, int]
"""Milliseconds by the name of what takes them. They come one after the other."""


class Bounds(NamedTuple):
    """In which time each place holds no bytes of the learner's words: `commands` after the fence in the command log,
    the others after the second sweep.
    """

    commands: Parts
    events: Parts
    refusals_and_dead_letters: Parts
    tables: Parts


def bounds(settings: Settings) -> Bounds:
    """Those of this service's topics, as `chat topics apply` makes them, and tables."""
    config = {one.topic: {name: int(value) for name, value in _numbers(one.config)} for one in specs(settings)}
    tables = {"gc_grace": GC_GRACE, "garbage_collection": GARBAGE_COLLECTION}
    return Bounds(
        commands_bound(config[Topic.COMMANDS], 1_000 * settings.command_trim_seconds),
        events_bound(config[Topic.EVENTS]),
        commands_bound(config[Topic.DEAD_LETTER], 0),
        tables,
    )


def commands_bound(config: Mapping[str, int], trimmed_after: int) -> Parts:
    """For a topic of these settings; `trimmed_after` in milliseconds, 0 where its retention alone ends a record."""
    age = {"trim_age": trimmed_after, "look": LOOK} if trimmed_after else {"retention": config["retention.ms"]}
    last = {"retention_check": RETENTION_CHECK, "file_delete": config["file.delete.delay.ms"]}
    return {"open_segment": config["segment.ms"]} | age | last


def events_bound(config: Mapping[str, int]) -> Parts:
    """For the compacted topic."""
    closed = 2 * config["segment.ms"] + LOOK + config["min.compaction.lag.ms"]
    compaction = max(config["max.compaction.lag.ms"], closed)
    return {"compaction": compaction, "cleaner": CLEANER, "file_delete": config["file.delete.delay.ms"]}


def _numbers(config: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in config.items() if value.isdigit()]
