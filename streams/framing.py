"""Records in Confluent's framing → our own, once the schema registry has told whose schema an id is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from chat.storage.schema_ids import Kept
from schemas.confluent import NONE_OF_OURS, is_framed, schema_id, unframed
from streams.records import Closed, Opened, Record
from streams.waiting import Waiting

FindSchemas = Callable[[Mapping[int, int]], Awaitable[Mapping[int, Kept]]]
"""What is known of each id, for records as late as the time (ms) beside it; as `SchemaIds.find`."""


_UNKNOWN = "unknown_schema"


@dataclass(frozen=True, slots=True)
class Framing:
    """Waits for the schemas that a trip's records name. A registry that is away is no outcome.

    What came until `beginning` (broker time, ms) was judged without a registry, and is so again.
    """

    find: FindSchemas
    waiting: Waiting
    beginning: int

    async def take_off(self, records: Sequence[Record], values: Sequence[Opened]) -> list[Opened]:
        """The values of records, in their order, without the framing."""
        times = self._times(records, values)
        known = await self.waiting.until_served(lambda: self.find(times)) if times else {}
        return [
            _taken_off(record, value, known) if self._is_framed(value, record) else value
            for record, value in zip(records, values, strict=True)
        ]

    def _is_framed(self, value: Opened, record: Record) -> TypeGuard[bytes]:
        return is_framed(value) and record.timestamp > self.beginning

    def _times(self, records: Sequence[Record], values: Sequence[Opened]) -> dict[int, int]:
        """The ids that values name, each with the broker time of the latest record that does."""
        times: dict[int, int] = {}
        for record, value in zip(records, values, strict=True):
            if self._is_framed(value, record) and (number := schema_id(value)) is not None:
                times[number] = max(times.get(number, 0), record.timestamp)
        return times


def _taken_off(record: Record, value: bytes, known: Mapping[int, Kept]) -> Opened:
    number = schema_id(value)
    if number is None:
        return Closed("the value's framing is cut short, or names no id that a schema registry gives")
    of_schema = known[number].at(record.timestamp)
    if of_schema is None:
        return Closed("the schema registry did not know the id that the value's framing names", _UNKNOWN)
    if of_schema == NONE_OF_OURS:
        return Closed("the schema registry's schema of the value is no Avro record as the published ones", _UNKNOWN)
    return unframed(value, of_schema)
