"""Every metric of the service, by Prometheus' naming rules, each with a sentence.

A process shows what every process can tell, and what its side alone can: see `exposition`.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from chat.topic_specs import Topic

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Variable with the folder in which processes count together, before they import this."""

# Each counter and histogram would have a second series that only tells when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]

WORKER = CollectorRegistry()
API = CollectorRegistry()
"""What a worker, and what an API process, has beside `REGISTRY`."""

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

# Both sides

KEY_FETCHES = Counter("chat_jwks_fetches_total", "Fetches of the JWK Set by how they ended.", ["outcome"])
CASSANDRA_SECONDS = Histogram(
    "chat_cassandra_request_seconds",
    "Time until Cassandra answered or failed, by kind of statement; of a long answer, each page.",
    ["operation"],
    buckets=LATENCY,
)
CASSANDRA_ERRORS = Counter(
    "chat_cassandra_errors_total",
    "Requests that Cassandra refused or did not answer, by the driver's error.",
    ["error"],
)

# Worker

OUTCOMES = Counter(
    "chat_outcomes_total",
    "Records of the command topics by type of command and how they ended; a dead letter has no type.",
    ["type", "outcome", "code"],
    registry=WORKER,
)
COMMAND_SECONDS = Histogram(
    "chat_command_to_event_seconds",
    "From a command's broker time to its event's acknowledgement.",
    buckets=LATENCY,
    registry=WORKER,
)
TRIP_RECORDS = Histogram(
    "chat_trip_records",
    "Records handled together.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000),
    registry=WORKER,
)
LAG = Gauge(
    "chat_lag_records",
    "Records of an owned partition that have no outcome yet, up to the end that the last fetch saw.",
    ["topic", "partition"],
    registry=WORKER,
)
OLDEST_UNFINISHED = Gauge(
    "chat_oldest_unfinished_seconds", "Age of the oldest record that has no outcome yet.", registry=WORKER
)
WAITING = Gauge(
    "chat_waiting_for_server",
    "How much of the worker waits for a server that is away; 0: nothing does.",
    ["server"],
    registry=WORKER,
)
EXPIRIES_ASKED = Counter(
    "chat_expiries_asked_total",
    "Threads found to hold nothing any more, whose deletion was asked for.",
    registry=WORKER,
)
REBALANCES = Counter("chat_rebalances_total", "Rebalances of the consumer group seen by this worker.", registry=WORKER)
ASSIGNED = Gauge("chat_assigned_partitions", "Partitions that this worker owns now.", registry=WORKER)
PRIVACY_REQUESTS = Counter(
    "chat_privacy_requests_total", "Privacy requests that came to a state.", ["kind", "state"], registry=WORKER
)
PRIVACY_UNFINISHED = Gauge(
    "chat_privacy_unfinished_requests",
    "Privacy requests without an end; every worker tells them all.",
    ["kind"],
    registry=WORKER,
)
PRIVACY_OLDEST = Gauge(
    "chat_privacy_oldest_unfinished_seconds",
    "Age of the oldest privacy request without an end; 0: there is none.",
    ["kind"],
    registry=WORKER,
)
ERASURES_LATE = Gauge(
    "chat_privacy_late_erasures",
    "Erasures that have no end an hour after they were asked for; every worker tells them all.",
    registry=WORKER,
)
EXPORTS_EXPIRED = Counter(
    "chat_export_bundles_expired_total", "Bundles that were deleted as their time was over.", registry=WORKER
)
TRIMMED = Counter(
    "chat_log_trims_total", "Times that a partition of commands was made to begin later.", registry=WORKER
)
HEARTBEATS = Counter(
    "chat_log_heartbeats_total",
    "Records written to close a segment of an idle partition.",
    ["topic"],
    registry=WORKER,
)

# Read side

HTTP_SECONDS = Histogram(
    "chat_http_request_seconds",
    "Time to answer a request, and to begin a live stream; `route` is the path's template, never the path.",
    ["method", "route", "status"],
    buckets=LATENCY,
    registry=API,
)
RATE_LIMITED = Counter("chat_http_rate_limited_total", "Requests refused for too many a minute.", registry=API)
RATE_UNLIMITED = Counter(
    "chat_http_rate_unlimited_total", "Requests let in uncounted because Redis did not answer.", registry=API
)
STREAM_LISTENERS = Gauge(
    "chat_stream_listeners", "Live streams that are served now.", registry=API, multiprocess_mode="livesum"
)
STREAMS_ENDED = Counter(
    "chat_streams_ended_total", "Live streams by why they ended; `left`: the client went.", ["reason"], registry=API
)
STREAM_WAITING = Gauge(
    "chat_stream_waiting_for_kafka",
    "1 while live streams wait for Kafka.",
    registry=API,
    multiprocess_mode="livemax",
)
STREAM_DELAY = Histogram(
    "chat_stream_delay_seconds",
    "From a command's broker time to when its event was heard for a live stream.",
    buckets=LATENCY,
    registry=API,
)

# A series that begins with its first error has no increase that an alert could see.
for _error in ("NoHostAvailable", "OperationTimedOut", "ReadTimeout", "Unavailable", "WriteTimeout"):
    CASSANDRA_ERRORS.labels(_error)
for _outcome in ("done", "failed"):
    KEY_FETCHES.labels(_outcome)
for _topic in Topic:
    HEARTBEATS.labels(_topic)
STREAMS_ENDED.labels("left")


class Described(NamedTuple):
    """A metric as the documentation has it; `processes` is `worker`, `api` or `both`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    processes: str
    sentence: str


def described() -> Iterator[Described]:
    """Every metric of this file, in its order."""
    sides = {"worker": WORKER, "api": API, "both": REGISTRY}
    shown = {family.name: side for side, registry in sides.items() for family in registry.collect()}
    for one in (value for value in globals().values() if isinstance(value, Counter | Gauge | Histogram)):
        (family,) = one.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = tuple(one._labelnames)  # noqa: SLF001 - it tells nobody otherwise
        yield Described(name, family.type, labels, shown[family.name], family.documentation)


def exposition(side: CollectorRegistry) -> bytes:
    """What a process of this side shows in Prometheus' text format, or all those together that share a folder."""
    if SHARED_FOLDER in os.environ:
        return generate_latest(_Shared(side))
    return generate_latest(REGISTRY) + generate_latest(side)


class _Shared:
    """What the processes of one side have counted together."""

    def __init__(self, side: CollectorRegistry) -> None:
        self._names = {family.name for registry in (REGISTRY, side) for family in registry.collect()}

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        counted = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        return (family for family in counted if family.name in self._names)
