"""The worker's traces: a span for each trip, and one for each command whose producer asks for it.

A producer asks by a `traceparent` with the flag `sampled`. Its command's span is in its own trace, and goes on in the
`traceparent` of what the command causes; steps and statements are shared by a trip's commands, so they are spans of the
trip, to which every command's span has a link. See docs/adr/0025.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind

from chat import tracing
from streams.memory import Memory
from streams.records import Record, header
from streams.way import Way
from streams.work import Work


class Place(NamedTuple):
    """A record's name."""

    topic: str
    partition: int
    offset: int


Spans = Mapping[Place, Span]

_trip: ContextVar[Spans] = ContextVar("trip", default=MappingProxyType({}))
"""The spans of the commands of the trip that is under way."""


class TracedWay:
    """A way whose trips are traced."""

    def __init__(self, way: Way) -> None:
        self._way = way

    async def go(self, memory: Memory, records: Sequence[Record]) -> None:
        topic = str(records[0].topic)
        asking = _asking(records)
        links = [Link(trace.get_current_span(context).get_span_context()) for context in asking.values()]
        about = _about(topic, "process") | {"messaging.batch.message_count": len(records)}
        with (
            tracing.span(f"process {topic}", about, kind=SpanKind.CONSUMER, context=Context(), links=links) as trip,
            _under_way(trip, asking),
        ):
            await self._way.go(memory, records)


def traceparent_of(record: Record) -> bytes | None:
    """What goes on in the place of a record's own `traceparent`; None: that itself does."""
    spans = _trip.get()
    span = spans.get(_place(record)) if spans else None
    return tracing.traceparent_of(span).encode() if span else None


def note_outcomes(work: Work) -> None:
    """Says in the spans of a trip's commands how each ended."""
    spans = _trip.get()
    if not spans:
        return
    ends = [(record, "applied", "") for record, _ in work.events]
    ends += [(one.record, "refused", one.refused.code.value) for one in (*work.refusals, *work.duplicates)]
    ends += [(one.record, "dead_letter", one.code) for one in work.dead_letters]
    for record, outcome, code in ends:
        if span := spans.get(_place(record)):
            span.set_attributes({"chat.outcome": outcome, "chat.code": code})


@contextmanager
def _under_way(trip: Span, asking: Mapping[Place, Context]) -> Iterator[None]:
    link = [Link(trip.get_span_context())]
    spans = {place: _begin(place, context, link) for place, context in asking.items()}
    token = _trip.set(spans)
    try:
        yield
    finally:
        _trip.reset(token)
        for span in spans.values():
            span.end()


def _asking(records: Sequence[Record]) -> dict[Place, Context]:
    """The contexts of those records whose producers want a trace."""
    found = {}
    for record in records:
        if values := header(record, tracing.TRACEPARENT):
            context = tracing.extract(values[0].decode("ascii", "replace"))
            if trace.get_current_span(context).get_span_context().trace_flags.sampled:
                found[_place(record)] = context
    return found


def _begin(place: Place, context: Context, links: Sequence[Link]) -> Span:
    at = {"messaging.destination.partition.id": str(place.partition), "messaging.kafka.offset": place.offset}
    about = _about(place.topic, "process") | at
    return tracing.begin(f"command of {place.topic}", about, SpanKind.CONSUMER, context, links)


def _about(topic: str, operation: str) -> dict[str, str | int]:
    """By OpenTelemetry's semantic conventions for messaging."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.operation.type": operation,
    }


def _place(record: Record) -> Place:
    return Place(str(record.topic), record.partition, record.offset)
