"""By when the bytes of an erased learner's words are gone: what a receipt promises, and why.

- Kafka, `chat.events`: the record and its tombstone lie in segments that are rolled when they are as old as
  `max.compaction.lag.ms` and another record comes, and are compacted then; `CLEANER` is for the cleaner to come by.
- Kafka, logs that are deleted by age: a segment takes records for `SEGMENT` (Kafka's default `segment.ms`) and goes
  when its youngest record is older than the retention. So the oldest in it lives for both.
- Cassandra: what is deleted leaves the data files when they are compacted. That has no bound of its own, so the
  operator's weekly `nodetool garbagecollect` is one; `gc_grace_seconds` is before it, for replicas that were away.
"""

from typing import NamedTuple

from chat.settings import Settings
from chat.topic_specs import DAY, HOUR, Topic, specs

CLEANER = HOUR
SEGMENT = 7 * DAY
GC_GRACE = 10 * DAY
GARBAGE_COLLECTION = 7 * DAY

_LOGS = (Topic.COMMANDS, Topic.DEAD_LETTER, Topic.REJECTIONS)


class Bounds(NamedTuple):
    """Milliseconds after the second sweep, by which a place holds no bytes of the learner's words."""

    events: int
    logs: int
    tables: int

    @property
    def all(self) -> int:
        """The longest of them."""
        return max(self)


def bounds(settings: Settings) -> Bounds:
    """Those of this service's topics and tables."""
    config = {one.topic: one.config for one in specs(settings)}
    logs = max(int(config[topic]["retention.ms"]) for topic in _LOGS)
    events = int(config[Topic.EVENTS]["max.compaction.lag.ms"]) + CLEANER
    return Bounds(events, logs + SEGMENT, GC_GRACE + GARBAGE_COLLECTION)
