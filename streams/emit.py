"""Events, refusals and dead letters → their topics, each acknowledged by Kafka before the chunk goes on."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import schemas
from chat.domain.events import FLAGGED
from chat.domain.partition import learner_key, partition_of
from chat.topic_specs import Topic
from schemas import confluent
from streams.cloud_events import attributes
from streams.content import Content, PlainContent, Said
from streams.dead_letters import Letters, PlainLetters
from streams.publish import Outgoing, Publisher
from streams.records import CONTINUED, Record, Refusal
from streams.tracing import traceparent_of
from streams.work import Work

PLAIN = PlainContent()
PLAIN_LETTERS = PlainLetters()


class Destination(NamedTuple):
    """A topic's partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Emitter:
    """Says what a chunk did. `partitions` is every topic's count; with `schema_ids`, ids in a schema registry by types,
    Avro goes out in Confluent's framing.
    """

    publisher: Publisher
    format: schemas.Format
    partitions: int
    content: Content = PLAIN
    cloud_events: bool = False
    schema_ids: Mapping[str, int] | None = None
    letters: Letters = PLAIN_LETTERS

    async def turn_away(self, work: Work) -> None:
        """Says what has no effect, refusals and dead letters; returns when Kafka has all of it."""
        batches = self._refusals(work.refusals)
        letters = await self.letters.say(work.dead_letters)
        for letter, one in zip(work.dead_letters, letters, strict=True):
            batches[Destination(Topic.DEAD_LETTER, letter.record.partition)].append(one)
        await self._publish(batches)

    async def emit(self, work: Work) -> None:
        """Says what took effect, and which commands had done so before; returns when Kafka has all of it.

        Order in each partition is the log's.
        """
        batches = self._refusals(work.duplicates)
        said = await self.content.say([event for _, event in work.events])
        for (record, _), one in zip(work.events, said, strict=True):
            batches[Destination(Topic.EVENTS, record.partition)].append(self._event(record, one))
        await self._publish(batches)

    async def say(self, work: Work) -> None:
        """Says all of it, where no rows come in between."""
        await self.turn_away(work)
        await self.emit(work)

    async def tombstone(self, partition: int, keys: Sequence[str], time: int) -> None:
        """Puts a Kafka tombstone for each key on the events; `time` in milliseconds."""
        if keys:
            records = [Outgoing(key.encode(), None, time, []) for key in keys]
            await self.publisher.publish(Topic.EVENTS, partition, records)

    async def _publish(self, batches: Mapping[Destination, Sequence[Outgoing]]) -> None:
        publish = self.publisher.publish
        await asyncio.gather(*(publish(place.topic, place.partition, one) for place, one in batches.items()))

    def _refusals(self, refusals: Sequence[Refusal]) -> defaultdict[Destination, list[Outgoing]]:
        batches: defaultdict[Destination, list[Outgoing]] = defaultdict(list)
        for refusal in sorted(refusals, key=_offset):
            destination, outgoing = self._refusal(refusal)
            batches[destination].append(outgoing)
        return batches

    def _event(self, record: Record, said: Said) -> Outgoing:
        event = said.event
        value, framing = self._encoded(event.type, event.fields)
        headers = [*said.headers, *framing]
        if event.flagged:
            headers.append((FLAGGED, b"true"))
        if self.cloud_events:
            headers += attributes(event, self.format)
        return _caused(record, event.key.encode(), value, headers)

    def _refusal(self, refusal: Refusal) -> tuple[Destination, Outgoing]:
        identity, record = refusal.identity, refusal.record
        key = learner_key(identity.tenant_id, identity.learner_id).encode()
        value, framing = self._encoded("CommandRejected", _rejected(refusal))
        destination = Destination(Topic.REJECTIONS, partition_of(key, self.partitions))
        return destination, _caused(record, key, value, framing)

    def _encoded(self, record_type: str, fields: Mapping[str, object]) -> tuple[bytes, Sequence[tuple[str, bytes]]]:
        """A value, and the headers that belong to its framing."""
        value = schemas.encode(record_type, fields, self.format)
        if self.schema_ids is None:
            return value, ()
        framed, fingerprint = confluent.framed(value, self.schema_ids[record_type])
        return framed, [(confluent.HEADER, fingerprint)]


def _caused(record: Record, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Outgoing:
    """An outcome with those headers of its command that go on, which are all that can make it too large."""
    cut = Outgoing(key, value, record.timestamp, headers)
    return Outgoing(key, value, record.timestamp, [*continued(record), *headers], cut)


def _offset(refusal: Refusal) -> int:
    """Those refused at the gate were noted before those refused in judgement."""
    return int(refusal.record.offset)


def _rejected(refusal: Refusal) -> dict[str, object]:
    record = refusal.record
    return {
        **refusal.identity._asdict(),
        "code": refusal.refused.code.value,
        "detail": refusal.refused.detail,
        "event_id": refusal.refused.event_id,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
    }


def continued(record: Record) -> list[tuple[str, bytes]]:
    """Those headers of a record that go on; where its command is traced, the trace goes on from the command's span."""
    traceparent = traceparent_of(record)
    return [
        (key, traceparent if traceparent and key.lower() == "traceparent" else value)
        for key, value in record.headers
        if key.lower() in CONTINUED and value is not None
    ]
