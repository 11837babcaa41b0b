"""What the service says of itself while it works: logs, metrics and traces, and that none of them says too much.

One worker and one API process at LOG_LEVEL=DEBUG, with a receiver of traces, go through one scenario; then everything
that came out of them is looked at. Every secret and every word of the scenario can be told from all else.
"""

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chat import tracing
from chat.metrics import described
from chat.sdk import Producer
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import serves
from tests.e2e.client import ContractClient
from tests.otlp_receiver import OtlpReceiver, receiving
from tests.wait import until
from tests.worker import WorkerProcess

TENANT, LEARNER = "tenant-w", "learner-w"
WORDS = "Xylophonquarkstrudel"
NO_ID = "Quibblefrotz"
"""What a command calls itself that is no id: its refusal must name it, nothing else may."""

JWT_SECRET = "planted-jwt-secret-93b1c6e0f5a14c0d-do-not-tell"
CASSANDRA_PASSWORD = "planted-cassandra-password-77aa"
OTLP_SECRET = "planted-otlp-header-5fd0"
REQUESTS_A_MINUTE = 25
SECONDS = 60

MOVED = {
    "chat_cassandra_request_seconds",
    "chat_outcomes_total",
    "chat_command_to_event_seconds",
    "chat_trip_records",
    "chat_assigned_partitions",
    "chat_privacy_requests_total",
    "chat_http_request_seconds",
    "chat_http_rate_limited_total",
}
"""What the scenario moves; all else is there and says nothing yet."""


@dataclass
class Watched:
    """The processes, and all that they said."""

    settings: Settings
    worker: WorkerProcess
    api_log: WorkerProcess
    otlp: OtlpReceiver
    producer_trace: tuple[str, str] = ("", "")
    thread: str = field(default_factory=lambda: str(uuid.uuid4()))
    message: str = field(default_factory=lambda: str(uuid.uuid4()))
    request: str = field(default_factory=lambda: str(uuid.uuid4()))
    traceparents: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)

    @cached_property
    def client(self) -> ContractClient:
        return ContractClient(self.settings.kafka_bootstrap_servers[0], JWT_SECRET)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def get(self, path: str, token: str, **more: Any) -> httpx.Response:
        """One request, of which the body is kept where it is an error's."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        answer = httpx.get(self.api + path, headers=headers, timeout=30, **more)
        if answer.is_error:
            self.errors.append(answer.text + str(answer.headers))
        return answer

    def outcomes(self) -> float:
        return self.worker.metric("chat_outcomes_total")


@pytest.fixture(scope="module")
def watched(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    with receiving() as otlp, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        settings = fresh.model_copy(update=_planted(otlp))
        worker = WorkerProcess(settings, folder, program=("chat.cli.main", "worker")).start()
        api = WorkerProcess(settings, folder, "api", program=("chat.cli.main", "api")).start()
        one = Watched(settings, worker.until_ready(), api, otlp)
        until(lambda: serves(one.api), SECONDS, "the API")
        _play(one)
        yield one
        assert worker.stop() == 0
        assert api.stop() == 0


def _planted(otlp: OtlpReceiver) -> dict[str, Any]:
    return {
        "log_level": "DEBUG",
        "event_format": "json",
        "jwt_secret_key": JWT_SECRET,
        "cassandra_username": "somebody",
        "cassandra_password": CASSANDRA_PASSWORD,
        "api_port": free_port(),
        "rate_limit": REQUESTS_A_MINUTE,
        "otel_exporter_otlp_endpoint": otlp.address,
        "otel_exporter_otlp_headers": f"x-key={OTLP_SECRET}",
    }


def _play(one: Watched) -> None:
    one.producer_trace = _apply_traced(one)
    _turn_away(one)
    _export(one)
    one.traceparents = {topic: _traceparent_on(one, topic) for topic in ("chat.events", "chat.rejections")}
    _read(one)
    one.metrics = {"worker": one.worker.get("/metrics")[1], "api": httpx.get(f"{one.api}/metrics", timeout=60).text}


def _apply_traced(one: Watched) -> tuple[str, str]:
    """A thread, a message and a refusal from a producer with a trace of its own; its trace and span."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.install(provider)
    place = {"tenant_id": TENANT, "learner_id": LEARNER, "thread_id": one.thread}
    post = {"type": "PostMessage", **place, "content": f"{WORDS} said", "metadata": {"said": WORDS}}
    try:
        with (
            Producer(one.settings, token=one.client.token(TENANT)) as producer,
            tracing.span("a teacher's page"),
        ):
            sent = [
                producer.send({"type": "CreateThread", **place, "title": f"{WORDS} title"}),
                producer.send({**post, "message_id": one.message}),
                producer.send({**post, "message_id": one.message}),
            ]
            assert [each.outcome(SECONDS).outcome for each in sent] == ["applied", "applied", "refused"]
    finally:
        tracing.install(None)
    (span,) = kept.get_finished_spans()
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def _turn_away(one: Watched) -> None:
    """Refusals and dead letters that hold the words where they can."""
    before = one.outcomes()
    place = {"tenant_id": TENANT, "learner_id": LEARNER, "thread_id": one.thread, "command_id": str(uuid.uuid4())}
    post = {"type": "PostMessage", **place, "message_id": str(uuid.uuid4()), "content": WORDS}
    client = one.client
    wrong = [
        (post, client.token(TENANT, exp=int(time.time()) - 10)),
        (post, client.token(TENANT, permissions=[])),
        (post, f"{WORDS}.{client.token(TENANT)}"),
        ({**post, "message_type": WORDS}, client.token(TENANT)),
        ({**post, "reply_to": WORDS}, client.token(TENANT)),
        ({**post, "command_id": NO_ID}, client.token(TENANT)),
        ({**post, "metadata": [WORDS]}, client.token(TENANT)),
        ({**post, WORDS: 1}, client.token(TENANT)),
        ({**post, "type": WORDS}, client.token(TENANT)),
        ({"type": "PostMessage", "content": WORDS, **dict.fromkeys(("tenant_id", "learner_id"), 1)}, ""),
    ]
    for command, token in wrong:
        client.producer.produce(
            "chat.commands", json.dumps(command), f"{TENANT}/{LEARNER}", headers=[("authorization", f"Bearer {token}")]
        )
    client.flush()
    until(lambda: one.outcomes() == before + len(wrong), SECONDS, "the outcomes")


def _export(one: Watched) -> None:
    """A privacy request that ends."""
    command = {"type": "ExportLearnerData", "tenant_id": TENANT, "learner_id": LEARNER, "request_id": one.request}
    with Producer(one.settings, token=one.client.token(TENANT, role="compliance")) as producer:
        assert producer.send({**command, "reason": "access"}).outcome(SECONDS).outcome == "applied"
    until(lambda: [line for line in one.worker.said("privacy_request_moved") if line["state"] == "completed"])


def _traceparent_on(one: Watched, topic: str) -> str:
    """That of the record of the traced message."""
    found = [dict(record.headers() or ()) for record in one.client.records(topic)]
    return next(bytes(each["traceparent"]).decode() for each in found[::-1] if "traceparent" in each)


def _read(one: Watched) -> None:
    """What is there, with the event's trace; then what is wrong; then too much."""
    token = one.client.token(TENANT)
    messages = f"/api/v1/threads/{one.thread}/messages"
    answer = one.get(messages, token, headers={"traceparent": one.traceparents["chat.events"]})
    assert [item["content"] for item in answer.json()["items"]] == [f"{WORDS} said"]
    one.get(messages, token, params={"cursor": WORDS})
    one.get(messages, token, params={"limit": WORDS})
    one.get(f"/api/v1/{WORDS}", token)
    one.get(f"/api/v1/threads/{WORDS}", token)
    one.get(messages, f"{WORDS}.{token}")
    one.get(messages, one.client.token(TENANT, permissions=[]))
    until(lambda: one.get("/", token).status_code == httpx.codes.TOO_MANY_REQUESTS)


def _samples(text: str) -> dict[str, float]:
    """The sum of each family of ours that has samples; of a histogram that of its counts."""
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(chat_\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        if not name.endswith(("_bucket", "_sum")):
            found[family] = found.get(family, 0) + float(value)
    return found


def test_every_metric_of_the_list_is_emitted_where_it_says(watched: Watched) -> None:
    """A worker and an API process show exactly the metrics of the list, each with samples, and what happened moved."""
    shown = {process: _samples(text) for process, text in watched.metrics.items()}
    for process, samples in shown.items():
        assert set(samples) == {one.name for one in described() if one.processes in {process, "both"}}
    moved = {name for samples in shown.values() for name, value in samples.items() if value > 0}
    assert moved >= MOVED


def test_outcomes_are_counted_by_type_and_code(watched: Watched) -> None:
    """Each type of command with each of its ends; dead letters have no type."""
    lines = [line for line in watched.metrics["worker"].splitlines() if line.startswith("chat_outcomes_total{")]
    counted = {re.findall(r'"([^"]*)"', line)[0:3][i] for line in lines for i in range(3)}
    assert counted >= {"CreateThread", "PostMessage", "ExportLearnerData", "applied", "refused", "dead_letter"}
    assert counted >= {"token_expired", "forbidden", "unauthenticated", "invalid", "unknown_type", "no_identity"}


def test_routes_are_templates(watched: Watched) -> None:
    """No path of a request is in the metrics, only what the router knows; what it does not know is `none`."""
    routes = set(re.findall(r'route="([^"]*)"', watched.metrics["api"]))
    assert routes >= {"/api/v1/threads/{thread_id}/messages", "/api/v1/threads/{thread_id}", "none"}
    assert watched.thread not in watched.metrics["api"]


def test_a_trace_goes_from_the_producer_to_the_event_and_its_reader(watched: Watched) -> None:
    """The command's span is in its producer's trace, the event and the refusal continue it, and so does a reader."""
    trace_id, span_id = watched.producer_trace
    commands = until(lambda: len(found := watched.otlp.named("command of chat.commands")) >= 3 and found)
    assert {(one.trace_id, one.parent_id, one.service) for one in commands} == {(trace_id, span_id, "aivo-chat-worker")}
    assert [one.attributes["chat.outcome"] for one in commands] == ["applied", "applied", "refused"]
    assert commands[2].attributes["chat.code"] == "message_exists"
    said = {topic: given.split("-")[1:3] for topic, given in watched.traceparents.items()}
    assert said == {
        "chat.events": [trace_id, commands[1].span_id],
        "chat.rejections": [trace_id, commands[2].span_id],
    }
    name = "GET /api/v1/threads/{thread_id}/messages"
    reading = until(lambda: [one for one in watched.otlp.named(name) if one.trace_id == trace_id])[0]
    assert (reading.parent_id, reading.service) == (commands[1].span_id, "aivo-chat-api")
    assert reading.attributes["http.response.status_code"] == httpx.codes.OK
    assert reading.span_id in {one.parent_id for one in watched.otlp.named("cassandra select")}


def test_a_trip_has_its_steps_and_points_to_its_commands(watched: Watched) -> None:
    """From a command one finds its trip and back; the trip's steps, statements and sends are below it."""
    _, span_id = watched.producer_trace
    command = until(lambda: watched.otlp.named("command of chat.commands"))[0]
    trip = until(lambda: [one for one in watched.otlp.spans if (one.span_id,) == command.links])[0]
    assert trip.name == "process chat.commands"
    assert span_id in trip.links
    steps = {one.name: one.span_id for one in list(watched.otlp.spans) if one.parent_id == trip.span_id}
    assert steps.keys() >= {"decode and authorise", "apply", "store", "emit"}
    assert steps["store"] in {one.parent_id for one in watched.otlp.named("cassandra batch")}
    assert steps["emit"] in {one.parent_id for one in watched.otlp.named("send chat.events")}


def test_a_command_without_a_trace_has_no_span_of_its_own(watched: Watched) -> None:
    """Only a producer that asks pays: the ten records that were turned away had no `traceparent`."""
    assert len(watched.otlp.named("command of chat.commands")) == 3
    assert sum(one.attributes["messaging.batch.message_count"] for one in _trips(watched)) >= 13


def _trips(watched: Watched) -> list[Any]:
    return watched.otlp.named("process chat.commands")


def test_the_log_has_a_line_for_what_was_turned_away(watched: Watched) -> None:
    """With code, place and time; of a command that says nonsense of itself not even that."""
    refused = watched.worker.said("command_refused")
    assert {"token_expired", "forbidden", "unauthenticated", "invalid", "message_exists"} <= {
        one["code"] for one in refused
    }
    one = next(line for line in refused if line["code"] == "message_exists")
    assert one.keys() >= {
        "command_id",
        "tenant_id",
        "user_id",
        "topic",
        "partition",
        "offset",
        "duration_ms",
        "trace_id",
    }
    letters = watched.worker.said("dead_letter")
    assert {"unknown_type", "no_identity"} <= {line["code"] for line in letters}
    assert all(line.keys() >= {"topic", "partition", "offset", "duration_ms"} for line in letters)


def test_the_log_has_the_steps_of_a_privacy_request_and_the_groups_moves(watched: Watched) -> None:
    """Every step with its time; partitions as they come."""
    steps = watched.worker.said("privacy_step")
    assert steps
    assert all(line["request_id"] == watched.request and line["duration_ms"] >= 0 for line in steps)
    assert watched.worker.said("partitions_assigned")[-1]["partitions"]


def test_the_log_has_a_line_for_each_request_of_the_api(watched: Watched) -> None:
    """With its id, its caller and its route; those of health and metrics at DEBUG."""
    lines = watched.api_log.said("request")
    good = next(line for line in lines if line["status"] == httpx.codes.OK and "messages" in line["route"])
    assert good.keys() >= {"request_id", "user_id", "tenant_id", "duration_ms", "method", "trace_id"}
    assert (good["user_id"], good["tenant_id"], good["level"]) == ("teacher-1", TENANT, "info")
    assert {line["level"] for line in lines if line["route"].startswith("/health")} == {"debug"}
    assert {line["status"] for line in lines} >= {200, 400, 401, 403, 404, 429}


def test_nothing_planted_is_in_what_the_service_says_of_itself(watched: Watched) -> None:
    """No secret and no word is in a log, metric, trace, refusal or error page; a control shows that they were there."""
    secrets = _planted_bytes(watched.settings)
    told = _told(watched)
    assert [place for place, text in told.items() if NO_ID.encode() in text] == ["refusals"]
    assert {name: len(text) > 200 for name, text in told.items()} == dict.fromkeys(told, True)
    assert not [(place, what) for place, text in told.items() for what, one in secrets if one in text]
    commands = b"".join(
        (record.value() or b"") + str(record.headers()).encode() for record in _all(watched, "chat.commands")
    )
    assert WORDS.encode() in commands
    assert watched.client.token(TENANT)[:20].encode() in commands
    assert {headers.get("X-Key", headers.get("x-key")) for headers in watched.otlp.headers} == {OTLP_SECRET}


def _all(watched: Watched, topic: str) -> list[Any]:
    return list(watched.client.records(topic))


def _planted_bytes(settings: Settings) -> list[tuple[str, bytes]]:
    keys = [path.read_bytes() for path in Path(settings.kek_folder).iterdir() if path.is_file()]
    assert keys
    forms = [
        form for key in keys for form in (key, key.hex().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key))
    ]
    named = [("words", WORDS), ("jwt secret", JWT_SECRET), ("password", CASSANDRA_PASSWORD), ("otlp", OTLP_SECRET)]
    return [
        *((name, text.encode()) for name, text in named),
        ("token", b"eyJ"),  # how every JWT begins
        *(("key-encryption key", one) for one in forms),
    ]


def _told(watched: Watched) -> dict[str, bytes]:
    """Everything that the service said of itself."""
    return {
        "worker's log": watched.worker.log.read_bytes(),
        "API's log": watched.api_log.log.read_bytes(),
        "worker's metrics": watched.metrics["worker"].encode(),
        "API's metrics": watched.metrics["api"].encode(),
        "traces": b"".join(watched.otlp.bodies),
        "refusals": b"".join(
            record.value() + str(record.headers()).encode() for record in _all(watched, "chat.rejections")
        ),
        "error pages": "".join(watched.errors).encode(),
    }
