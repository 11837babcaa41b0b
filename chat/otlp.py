"""OpenTelemetry's SDK as this service sets it up: spans in batches, by OTLP over http(s).

What is no setting of ours the SDK reads from the environment itself: OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_…, and so on.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.util.re import parse_env_headers

from chat.settings import Settings
from chat.tracing import MAX_LINKS


def provider(settings: Settings, process: str) -> TracerProvider:
    """Makes the spans of a process. What it still holds is sent when the process ends."""
    name = settings.otel_service_name or f"aivo-chat-{process}"
    made = TracerProvider(
        resource=Resource.create({SERVICE_NAME: name}),
        sampler=ParentBased(TraceIdRatioBased(settings.otel_traces_sampler_arg)),
        span_limits=SpanLimits(max_links=MAX_LINKS),
    )
    endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
    headers = parse_env_headers(settings.otel_exporter_otlp_headers, liberal=True)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, headers=headers)))
    return made
