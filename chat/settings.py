"""Settings: environment variables and `.env`, the same for every process.

A wrong value stops the process at once with the variable's name and what it must be (`BadSetting`).
"""

import json
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chat.errors import BadSetting

ASYMMETRIC = frozenset({"RS256", "ES256", "EdDSA"})
MADE_UP_SECRET = "made-up:"  # noqa: S105 - the mark of a secret that `chat up` made for itself
Csv = Annotated[tuple[str, ...], NoDecode]
MAX_RETENTION_DAYS = 3_650  # Cassandra refuses a time to live that ends after 2038
RetentionDays = Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)]
Replicas = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Environment(StrEnum):
    """Where the service runs; production refuses what only a laptop may have."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


FILES = (
    "kafka_ssl_cafile",
    "kafka_ssl_certfile",
    "kafka_ssl_keyfile",
    "vault_cacert",
    "schema_registry_cafile",
    "kafka_sasl_oauth_cafile",
    "cassandra_ssl_cafile",
    "cassandra_ssl_certfile",
    "cassandra_ssl_keyfile",
    "moderation_file",
)
"""Those that need not be named; an empty value names none."""


SECRET_BYTES = 32
"""Of an HMAC's key, at least (RFC 7518 §3.2)."""


class Settings(BaseSettings):
    """Every setting with its default. Field names are the environment variables in lower case."""

    model_config = SettingsConfigDict(
        env_file=(".chat/env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Field(
        Environment.DEVELOPMENT, description="production refuses what only a laptop may have"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="what goes to stderr")

    kafka_bootstrap_servers: Csv = Field((), description="host:port, comma-separated; unset: an embedded broker")
    kafka_port: Port = Field(9092, description="port of the embedded broker")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how clients reach the brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="with a SASL protocol"
    )
    kafka_sasl_username: str = Field("", description="with a SASL protocol; with OAUTHBEARER the client id")
    kafka_sasl_password: str = Field(
        "", repr=False, description="with a SASL protocol; with OAUTHBEARER the client secret"
    )
    kafka_sasl_oauth_token_url: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="with OAUTHBEARER: where the client's credentials are changed for a token, https:// or http://",
    )
    kafka_sasl_oauth_scope: str = Field("", description="with OAUTHBEARER: the scope to ask for")
    kafka_sasl_oauth_cafile: Path | None = Field(
        None, description="PEM file of the authorities that signed KAFKA_SASL_OAUTH_TOKEN_URL's server"
    )
    kafka_ssl_cafile: Path | None = Field(None, description="PEM file of the authorities that signed the brokers")
    kafka_ssl_certfile: Path | None = Field(None, description="PEM file of the client's own certificate")
    kafka_ssl_keyfile: Path | None = Field(None, description="PEM file of the client's own key")
    kafka_ssl_key_password: str = Field("", repr=False, description="of KAFKA_SSL_KEYFILE, where it has one")
    topic_partitions: int = Field(8, ge=1, le=10_000, description="partitions of every topic, fixed for life")
    topic_replication: int = Field(1, ge=1, le=32, description="replicas of every partition")
    topic_min_isr: int = Field(1, ge=1, le=32, description="replicas that must have a record before it is acknowledged")
    consumer_group: str = Field("aivo-chat", min_length=1, description="the workers' consumer group")
    worker_id: str = Field("", description="set: a static, unique member of the group; unset: a dynamic one")

    cassandra_contact_points: Csv = Field((), description="hosts, comma-separated; unset: an embedded node")
    cassandra_port: Port = Field(9042, description="of every node, the embedded one too")
    cassandra_keyspace: str = Field("aivo_chat", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="where the tables are")
    cassandra_replication: Annotated[dict[str, Replicas], NoDecode] = Field(
        default_factory=lambda: {"datacenter1": 1}, min_length=1, description="replicas by datacentre, as JSON"
    )
    cassandra_local_dc: str = Field("datacenter1", description="the datacentre that this process asks")
    cassandra_username: str = Field("", description="unset: no authentication")
    cassandra_password: str = Field("", repr=False, description="with CASSANDRA_USERNAME")
    cassandra_ssl: bool = Field(default=False, description="reach the nodes by TLS alone")
    cassandra_ssl_cafile: Path | None = Field(
        None, description="PEM file of the authorities that signed the nodes, whose addresses the certificates name"
    )
    cassandra_ssl_certfile: Path | None = Field(None, description="PEM file of the client's own certificate")
    cassandra_ssl_keyfile: Path | None = Field(None, description="PEM file of the client's own key")
    cassandra_ssl_key_password: str = Field("", repr=False, description="of CASSANDRA_SSL_KEYFILE, where it has one")

    redis_url: str = Field(
        "",
        repr=False,
        description="counters of the rate limit, redis:// or rediss://; while it is away nobody is limited; "
        "unset: each process's memory",
    )

    jwt_secret_key: str = Field("", repr=False, description="HS256; in production at least 32 bytes")
    jwt_algorithms: Csv = Field((), description="allow-list; default HS256, or with a JWKS RS256,ES256,EdDSA")
    jwt_jwks_url: str = Field("", description="file path or http(s) address of the keys of RS256, ES256 and EdDSA")
    jwt_issuer: str = Field("", description="set: `iss` must be this")
    jwt_audience: str = Field("", description="set: `aud` must hold this")
    jwt_leeway_seconds: int = Field(0, ge=0, le=300, description="how far clocks may be apart, for `nbf` and `exp`")

    api_host: str = Field("127.0.0.1", description="where the API and a worker's health listen")
    api_port: Port = Field(8000, description="port of the API")
    api_workers: int = Field(1, ge=1, le=64, description="API processes that share API_PORT")
    metrics_port: Port = Field(9464, description="a worker's health and metrics")
    cors_origins: Csv = Field((), description="origins whose pages may read the API, comma-separated")
    rate_limit: int = Field(60, ge=1, description="requests a minute an IP")
    enable_rate_limiting: bool = Field(default=True, description="false: RATE_LIMIT does not count")
    stream_listeners: int = Field(1000, ge=1, description="live streams that an API process serves at once")
    stream_seconds: float = Field(
        3600, gt=0, description="seconds after which a live stream ends, for its client to connect again"
    )
    trusted_proxies: Csv = Field((), description="addresses or networks whose X-Forwarded-For counts")

    privacy_enabled: bool = Field(default=True, description="export and erasure")
    message_encryption: bool = Field(default=True, description="seal content and metadata under each learner's key")
    kek_folder: Path = Field(
        Path(".chat/keys"), description="key-encryption keys of learners' keys: mode 0700, its files 0600"
    )
    vault_addr: str = Field("", description="set: the transit engine of this Vault, instead of KEK_FOLDER")
    vault_token: str = Field("", repr=False, description="with VAULT_ADDR")
    vault_namespace: str = Field("", description="with VAULT_ADDR, where Vault has namespaces")
    vault_cacert: Path | None = Field(None, description="PEM file of the authorities that signed Vault")
    vault_transit_mount: str = Field("transit", description="where Vault's transit engine is mounted")
    export_folder: Path = Field(
        Path(".chat/exports"), description="where export bundles lie, sealed, without EXPORT_S3_BUCKET; mode 0700"
    )
    export_ttl_hours: int = Field(72, ge=1, le=24 * 90, description="hours until a finished bundle is deleted")
    export_s3_bucket: str = Field(
        "", description="set: bundles lie in this bucket; credentials and region by AWS's ways"
    )
    export_s3_endpoint: str = Field("", description="http(s) address of an S3 server that is not Amazon's")
    export_s3_prefix: str = Field("", pattern=r"^([A-Za-z0-9._-]+/)*$", description="before every key, like chat/")
    export_withholds_others: bool = Field(
        default=True, description="other people's words are left out of a portable copy (GDPR Article 20)"
    )
    signing_key_file: Path = Field(
        Path(".chat/signing.pem"), description="Ed25519 private key that signs exports, in PEM; mode 0600"
    )
    erasure_ledger: Path = Field(
        Path(".chat/ledger"),
        description="where receipts of erasures are kept once more, apart from Cassandra and its backups",
    )
    event_content: Literal["plain", "sealed"] = Field("plain", description="content in events")
    dead_letter_content: Literal["plain", "sealed"] = Field(
        "plain", description="dead letters; sealed: under a key of the day, destroyed after their retention"
    )
    event_format: Literal["avro", "json", "confluent"] = Field(
        "avro", description="of events and refusals; confluent: Avro in the framing of SCHEMA_REGISTRY_URL"
    )
    schema_registry_url: str = Field(
        "",
        pattern=r"^(https?://[^@]+)?$",
        description="set: commands in Confluent's framing are read by this registry; see docs/schema-registry.md",
    )
    schema_registry_username: str = Field("", description="unset: no authentication")
    schema_registry_password: str = Field("", repr=False, description="with SCHEMA_REGISTRY_USERNAME")
    schema_registry_cafile: Path | None = Field(None, description="PEM file of the authorities that signed it")
    schema_registration: Literal["register", "lookup"] = Field(
        "register", description="what a worker does at start with EVENT_FORMAT=confluent; lookup: they must be there"
    )
    cloud_events: bool = Field(default=False, description="CloudEvents' headers on events, beside what they are")
    command_trim_seconds: int = Field(
        3_600,
        ge=0,
        le=604_800,
        description="age at which a committed command is trimmed from Kafka's log; 0: only its retention ends it",
    )
    content_moderation: bool = Field(default=False, description="judge content before it is kept")
    moderation_file: Path | None = Field(None, description="rules of CONTENT_MODERATION, by version, as JSON")
    automatic_cleanup: bool = Field(default=True, description="delete threads whose messages have all expired")
    message_retention_days: int = Field(365, ge=1, le=MAX_RETENTION_DAYS, description="of messages and of chat.events")
    message_retention_days_by_tenant: Annotated[dict[str, RetentionDays], NoDecode] = Field(
        default_factory=dict, description='other days for some tenants, as JSON, like {"tenant-1": 90}'
    )
    max_messages_per_thread: int = Field(1000, ge=0, description="0: no limit")

    otel_exporter_otlp_endpoint: str = Field(
        "", pattern=r"^(https?://.+)?$", description="http(s) address of an OTLP collector; unset: no traces"
    )
    otel_exporter_otlp_headers: str = Field(
        "", repr=False, description="of every request to it, like key1=value1,key2=value2"
    )
    otel_service_name: str = Field("", description="unset: aivo-chat-worker or aivo-chat-api")
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="share of what has no `traceparent` and is traced nevertheless"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _lists(cls, value: Any, info: Any) -> Any:
        if isinstance(value, str) and info.field_name in _CSV_FIELDS:
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cassandra_replication", "message_retention_days_by_tenant", mode="before")
    @classmethod
    def _objects(cls, value: Any, info: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"must be a JSON object, like {_EXAMPLES[info.field_name]}") from error

    @field_validator("log_level", "kafka_security_protocol", "kafka_sasl_mechanism", mode="before")
    @classmethod
    def _capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator(*FILES, mode="before")
    @classmethod
    def _no_file(cls, value: Any) -> Any:
        return value or None

    @model_validator(mode="before")
    @classmethod
    def _made_up(cls, values: Any) -> Any:
        """A secret that `chat up` once made up gives way to the keys that somebody chose."""
        if values.get("jwt_jwks_url") and str(values.get("jwt_secret_key", "")).startswith(MADE_UP_SECRET):
            return {name: value for name, value in values.items() if name != "jwt_secret_key"}
        return values

    @model_validator(mode="before")
    @classmethod
    def _contact_ports(cls, values: Any) -> Any:
        """Contact points may say the port that all nodes have, as the line `ready:` does."""
        points = values.get("cassandra_contact_points")
        found = [_host_and_port(one.strip()) for one in points.split(",")] if isinstance(points, str) else []
        ports = {port for _, port in found if port}
        if not ports:
            return values
        if len(ports) > 1 or str(values.get("cassandra_port", *ports)) not in ports:
            raise ValueError("CASSANDRA_CONTACT_POINTS: all nodes have one port, that of CASSANDRA_PORT")
        return {
            **values,
            "cassandra_contact_points": ",".join(host for host, _ in found),
            "cassandra_port": ports.pop(),
        }

    @model_validator(mode="after")
    def _keys(self) -> Self:
        if self.jwt_secret_key and self.jwt_jwks_url:
            raise ValueError("JWT_SECRET_KEY and JWT_JWKS_URL: never both families of keys at once")
        wrong = set(self.algorithms) - (ASYMMETRIC if self.jwt_jwks_url else {"HS256"})
        if wrong:
            raise ValueError(f"JWT_ALGORITHMS: {', '.join(sorted(wrong))} does not fit the kind of key that is set")
        return self

    @model_validator(mode="after")
    def _ways_to_servers(self) -> Self:
        """A half-set way would be an open one, or one that fails where nobody looks."""
        sasl = self.kafka_security_protocol.startswith("SASL_")
        if sasl and not (self.kafka_sasl_username and self.kafka_sasl_password):
            raise ValueError("KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: must be set with a SASL protocol")
        if sasl and self.kafka_sasl_mechanism == "OAUTHBEARER" and not self.kafka_sasl_oauth_token_url:
            raise ValueError("KAFKA_SASL_OAUTH_TOKEN_URL: must be set with KAFKA_SASL_MECHANISM=OAUTHBEARER")
        if not self.cassandra_ssl and (self.cassandra_ssl_cafile or self.cassandra_ssl_certfile):
            raise ValueError("CASSANDRA_SSL: must be true where its files are set")
        return self

    @model_validator(mode="after")
    def _rules_of_moderation(self) -> Self:
        if self.content_moderation and self.moderation_file is None:
            raise ValueError("MODERATION_FILE: must be set with CONTENT_MODERATION=true")
        return self

    @model_validator(mode="after")
    def _sealed_events(self) -> Self:
        if self.event_content == "sealed" and not self.message_encryption:
            raise ValueError("EVENT_CONTENT: can be `sealed` with MESSAGE_ENCRYPTION=true only")
        return self

    @model_validator(mode="after")
    def _framed_events(self) -> Self:
        if self.event_format == "confluent" and not self.schema_registry_url:
            raise ValueError("SCHEMA_REGISTRY_URL: must be set with EVENT_FORMAT=confluent")
        return self

    @model_validator(mode="after")
    def _production(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        if self.topic_replication == 1:
            raise ValueError("TOPIC_REPLICATION: must be more than 1 in production")
        if min(self.cassandra_replication.values()) == 1:
            raise ValueError("CASSANDRA_REPLICATION: must be more than 1 in production")
        if self.has_short_secret:
            raise ValueError(f"JWT_SECRET_KEY: must be at least {SECRET_BYTES} bytes in production")
        if self.jwt_secret_key.startswith(MADE_UP_SECRET):
            raise ValueError("JWT_SECRET_KEY: a made-up secret is for development; set one of your own")
        return self

    def retention_seconds(self, tenant_id: str) -> int:
        """How long a tenant's messages are kept."""
        return self.message_retention_days_by_tenant.get(tenant_id, self.message_retention_days) * 86_400

    @property
    def has_short_secret(self) -> bool:
        """Whether JWT_SECRET_KEY could be tried out sooner than a signature."""
        return 0 < len(self.jwt_secret_key.encode()) < SECRET_BYTES

    @cached_property
    def algorithms(self) -> tuple[str, ...]:
        """The signature algorithms a token may name."""
        return self.jwt_algorithms or (tuple(sorted(ASYMMETRIC)) if self.jwt_jwks_url else ("HS256",))


_EXAMPLES = {
    "cassandra_replication": '{"datacenter1": 3}',
    "message_retention_days_by_tenant": '{"tenant-1": 90}',
}
_CSV_FIELDS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation == tuple[str, ...])


def _host_and_port(point: str) -> tuple[str, str]:
    """The port is empty where none is said; behind an IPv6 address one can be said where that is in brackets."""
    if point.startswith("["):
        host, _, port = point[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = point.partition(":")
    return (host, port) if ":" not in port else (point, "")


def load(**overrides: Any) -> Settings:
    """The process's settings. Raises `BadSetting` naming each wrong variable and its rule, never its value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSetting("; ".join(_complaint(problem) for problem in error.errors())) from None


def _complaint(problem: Any) -> str:
    rule = str(problem["msg"]).removeprefix("Value error, ")
    name = "".join(map(str, problem["loc"][:1])).upper()
    return f"{name}: {rule}" if name else rule
