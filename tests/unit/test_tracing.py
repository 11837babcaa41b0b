"""Traces: what they say, what they never say, and that they cost nothing where nobody asked."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from chat import tracing
from chat.errors import BadSetting, StorageUnavailable
from chat.otlp import provider
from chat.settings import load
from chat.storage import session
from streams.emit import continued
from streams.memory import Memory
from streams.tracing import TracedWay
from tests.records import Log, settings_for_tests, uid
from tests.way import World
from tests.worker import ROOT

ASKS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DOES_NOT_ASK = ASKS[:-1] + "0"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced while the test runs."""
    kept = InMemorySpanExporter()
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(kept))
    tracing.install(made)
    yield kept
    tracing.install(None)


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [one for one in spans.get_finished_spans() if one.name == name]


async def _go(*traceparents: str) -> World:
    """A thread for each, created by commands of one trip."""
    world, log = World(), Log()
    for number, given in enumerate(traceparents, start=1):
        one = log.send("CreateThread", thread_id=uid(1, number), command_id=uid(3, number), title="Fractions")
        log.records[-1] = replace(one, headers=(*one.headers, ("traceparent", given.encode())))
    await TracedWay(world._way()).go(Memory(), log.records)
    return world


async def test_only_who_asks_has_a_span_and_goes_on_in_it(spans: InMemorySpanExporter) -> None:
    """Who does not ask, or says nonsense, keeps its own header; the trip has one span for all of them."""
    world = await _go(ASKS, DOES_NOT_ASK, "nonsense")
    (command,), (trip,) = named(spans, "command of chat.commands"), named(spans, "process chat.commands")
    assert command.context is not None
    assert command.parent is not None
    assert trip.context is not None
    assert f"{command.context.trace_id:032x}-{command.parent.span_id:016x}" == ASKS[3:-3]
    sent = [dict(one.headers)["traceparent"].decode() for one in world.publisher.records("chat.events")]
    assert sent == [f"00-{command.context.trace_id:032x}-{command.context.span_id:016x}-01", DOES_NOT_ASK, "nonsense"]
    assert [one.context.span_id for one in command.links] == [trip.context.span_id]
    assert [one.context.span_id for one in trip.links] == [command.parent.span_id]
    assert trip.attributes is not None
    assert trip.attributes["messaging.batch.message_count"] == 3


async def test_the_header_of_a_record_of_no_trip_goes_on_as_it_is(spans: InMemorySpanExporter) -> None:
    """A privacy request's end comes long after its command's trip."""
    await _go(ASKS)
    record = SimpleNamespace(topic="chat.commands", partition=0, offset=0, headers=[("traceparent", ASKS.encode())])
    assert continued(record) == record.headers
    assert named(spans, "command of chat.commands")


def test_an_errors_text_is_in_no_span(spans: InMemorySpanExporter) -> None:
    """Only its kind: OpenTelemetry by itself would keep text and stack."""
    with pytest.raises(ValueError, match="words"), tracing.span("apply"):
        raise ValueError("a child's words")
    (one,) = spans.get_finished_spans()
    assert (one.status.description, one.events) == ("ValueError", ())


def test_a_statements_text_is_in_no_span_and_a_fault_is_counted(spans: InMemorySpanExporter) -> None:
    """Its first word is: the rest may hold a value. The driver's fault becomes ours."""
    before = _failed()
    with pytest.raises(StorageUnavailable), session.asked("SELECT secret FROM place"):
        raise OSError("no route to a child's words")
    (one,) = spans.get_finished_spans()
    assert one.name == "cassandra select"
    assert "secret" not in one.to_json()
    assert "words" not in one.to_json()
    assert _failed() == before + 1


def _failed() -> float:
    return REGISTRY.get_sample_value("chat_cassandra_errors_total", {"error": "OSError"}) or 0.0


def test_off_a_span_is_one_object_that_does_nothing() -> None:
    """Nothing is made for it."""
    assert not tracing.is_on()
    assert tracing.span("apply") is tracing.span("store")


def test_off_a_worker_does_not_even_load_the_sdk() -> None:
    """It would cost start-up time and memory: only the interface is there."""
    loads = "import sys, streams.run; print([f'opentelemetry.{one}' in sys.modules for one in ('trace', 'sdk')])"
    ran = subprocess.run(
        [sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip() == "[True, False]"


def test_a_process_says_its_name_and_samples_as_told() -> None:
    """The share of what nobody asked to trace; a parent's wish wins."""
    made = provider(
        settings_for_tests(otel_exporter_otlp_endpoint="http://127.0.0.1:1", otel_traces_sampler_arg=0), "api"
    )
    assert made.resource.attributes["service.name"] == "aivo-chat-api"
    tracer = made.get_tracer("test")
    assert not tracer.start_span("nobody asked").is_recording()
    assert tracer.start_span("somebody did", tracing.extract(ASKS)).is_recording()


def test_a_wrong_address_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable's name, as every wrong setting."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    with pytest.raises(BadSetting, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        load()
