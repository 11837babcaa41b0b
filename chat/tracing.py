"""Traces by OpenTelemetry, over processes by W3C's `traceparent`. Off, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Attributes are places, counts, codes and kinds of statements. Never content, a token, an id of a learner, a path that
holds one, or the text of an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chat.settings import Settings

TRACEPARENT = "traceparent"
MAX_LINKS = 1_000
"""Commands that a trip's span points to; the SDK's own limit is below what a trip may hold."""

_NAME = "aivo-chat"
_W3C = TraceContextTextMapPropagator()
_OFF = nullcontext(INVALID_SPAN)
_tracers: list[Tracer] = []
"""The one in use; none where traces are off."""


def configure(settings: Settings, process: str) -> None:
    """Sends this process's spans to OTEL_EXPORTER_OTLP_ENDPOINT, where that is set. `process` is `worker` or `api`."""
    if settings.otel_exporter_otlp_endpoint:
        from chat.otlp import provider  # noqa: PLC0415 - the SDK costs start-up time and memory, so only who wants it pays

        install(provider(settings, process))


def install(provider: trace.TracerProvider | None) -> None:
    """Makes spans by this provider from now on; None: none any more."""
    _tracers[:] = [provider.get_tracer(_NAME)] if provider else []


def is_on() -> bool:
    """Whether spans are made."""
    return bool(_tracers)


def span(
    name: str,
    attributes: Mapping[str, Any] = {},
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    context: Context | None = None,
    links: Sequence[Link] = (),
) -> AbstractContextManager[Span]:
    """A span while the block runs, the current one for what it calls; its parent is the one of `context`."""
    if not _tracers:
        return _OFF
    return _live(_tracers[0], name, attributes=dict(attributes), kind=kind, context=context, links=links)


def begin(name: str, attributes: Mapping[str, Any], kind: SpanKind, context: Context, links: Sequence[Link]) -> Span:
    """A span that is ended by hand and is nobody's current one. Only while `is_on`."""
    return _tracers[0].start_span(name, context, kind, dict(attributes), links)


@contextmanager
def _live(tracer: Tracer, name: str, **options: Any) -> Iterator[Span]:
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False, **options) as one:
        try:
            yield one
        except Exception as error:
            one.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def extract(traceparent: str) -> Context:
    """What a `traceparent` says; an empty context where it says nothing."""
    return _W3C.extract({TRACEPARENT: traceparent}, Context())


def traceparent_of(one: Span) -> str:
    """A span as a `traceparent`; empty for one that is none."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(one, Context()))
    return carrier.get(TRACEPARENT, "")


def current_traceparent() -> str:
    """The current span as a `traceparent`, whoever made it; empty where there is none."""
    return traceparent_of(trace.get_current_span())
