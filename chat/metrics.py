"""Every metric of the service, by Prometheus' naming rules, each with a sentence."""

from prometheus_client import Counter, Gauge, Histogram

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

# Both sides

KEY_FETCHES = Counter("chat_jwks_fetches_total", "Fetches of the JWK Set by how they ended.", ["outcome"])

# Worker

OUTCOMES = Counter("chat_outcomes_total", "Records of the command topics by how they ended.", ["outcome", "code"])
COMMAND_SECONDS = Histogram(
    "chat_command_to_event_seconds", "From a command's broker time to its event's acknowledgement.", buckets=LATENCY
)
TRIP_RECORDS = Histogram(
    "chat_trip_records", "Records handled together.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000)
)
OLDEST_UNFINISHED = Gauge("chat_oldest_unfinished_seconds", "Age of the oldest record that has no outcome yet.")
WAITING = Gauge("chat_waiting_for_server", "1 while the worker waits for a server that is away.", ["server"])
EXPIRIES_ASKED = Counter(
    "chat_expiries_asked_total", "Threads found to hold nothing any more, whose deletion was asked for."
)
TRIMMED = Counter("chat_log_trims_total", "Times that a partition of commands was made to begin later.")
HEARTBEATS = Counter("chat_log_heartbeats_total", "Records written to close a segment of an idle partition.", ["topic"])
REBALANCES = Counter("chat_rebalances_total", "Rebalances of the consumer group seen by this worker.")
ASSIGNED = Gauge("chat_assigned_partitions", "Partitions that this worker owns now.")
PRIVACY_REQUESTS = Counter("chat_privacy_requests_total", "Privacy requests that came to a state.", ["kind", "state"])
PRIVACY_UNFINISHED = Gauge("chat_privacy_unfinished_requests", "Privacy requests without an end.", ["kind"])
PRIVACY_OLDEST = Gauge("chat_privacy_oldest_unfinished_seconds", "Age of the oldest privacy request without an end.")
EXPORTS_EXPIRED = Counter("chat_export_bundles_expired_total", "Bundles that were deleted as their time was over.")

# Read side

HTTP_SECONDS = Histogram(
    "chat_http_request_seconds", "Time to answer a request.", ["method", "route", "status"], buckets=LATENCY
)
RATE_LIMITED = Counter("chat_http_rate_limited_total", "Requests refused for too many a minute.")
RATE_UNLIMITED = Counter("chat_http_rate_unlimited_total", "Requests let in uncounted because Redis did not answer.")
