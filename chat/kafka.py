"""How our clients reach Kafka: one place for addresses, TLS and SASL, in the words of both client libraries."""

from operator import methodcaller
from typing import Any

from confluent_kafka import Message

from chat.settings import Settings
from chat.tls import key_password, tls_context, tls_files

EMBEDDED_HOST = "127.0.0.1"
"""Where the embedded broker listens; it counts where KAFKA_BOOTSTRAP_SERVERS is unset."""


def bootstrap_servers(settings: Settings) -> tuple[str, ...]:
    """`host:port` of the brokers to ask first."""
    return settings.kafka_bootstrap_servers or (f"{EMBEDDED_HOST}:{settings.kafka_port}",)


def librdkafka(settings: Settings) -> dict[str, Any]:
    """Settings common to every confluent_kafka client. Raises `BadSetting` where a TLS file cannot be used."""
    config = {
        "bootstrap.servers": ",".join(bootstrap_servers(settings)),
        "security.protocol": settings.kafka_security_protocol,
        "log_level": 0,  # it would write to stderr by itself; its callers hear of errors and name them
    }
    if has_sasl(settings):
        config |= _oauth(settings) if has_oauth(settings) else _password(settings)
    if has_tls(settings):
        config |= _tls(settings)
    return config


def aiokafka(settings: Settings) -> dict[str, Any]:
    """Keyword arguments common to every aiokafka client of its own (Faust's have `streams.credentials`).

    Without OAUTHBEARER. Raises `BadSetting` where a TLS file cannot be used.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(bootstrap_servers(settings)),
        "security_protocol": settings.kafka_security_protocol,
    }
    if has_sasl(settings):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_sasl_username
        arguments["sasl_plain_password"] = settings.kafka_sasl_password
    if has_tls(settings):
        arguments["ssl_context"] = tls_context(settings, "kafka")
    return arguments


def has_sasl(settings: Settings) -> bool:
    """Whether a client says who it is by SASL."""
    return settings.kafka_security_protocol.startswith("SASL_")


def has_oauth(settings: Settings) -> bool:
    """Whether it does so with a token."""
    return settings.kafka_sasl_mechanism == "OAUTHBEARER"


def has_tls(settings: Settings) -> bool:
    """Whether a connection is by TLS."""
    return settings.kafka_security_protocol.endswith("SSL")


def _password(settings: Settings) -> dict[str, str]:
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": settings.kafka_sasl_password,
    }


def _oauth(settings: Settings) -> dict[str, str]:
    config = {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": settings.kafka_sasl_username,
        "sasl.oauthbearer.client.secret": settings.kafka_sasl_password,
        "sasl.oauthbearer.token.endpoint.url": settings.kafka_sasl_oauth_token_url,
    }
    if settings.kafka_sasl_oauth_scope:
        config["sasl.oauthbearer.scope"] = settings.kafka_sasl_oauth_scope
    if settings.kafka_sasl_oauth_cafile:
        config["https.ca.location"] = str(settings.kafka_sasl_oauth_cafile)
    return config


def _tls(settings: Settings) -> dict[str, str]:
    tls_context(settings, "kafka")  # says what is wrong with the files in words of our settings
    names = {"cafile": "ssl.ca.location", "certfile": "ssl.certificate.location", "keyfile": "ssl.key.location"}
    config = {names[kind]: str(path) for kind, path in tls_files(settings, "kafka").items()}
    password = key_password(settings, "kafka")
    return config | ({"ssl.key.password": password} if password else {})


_headers = methodcaller("headers")
"""Called so for one that is not text: confluent_kafka then gives a list with a hole in it and an error besides. CPython
sees that where C calls it; its own loop, once it has called it often, goes on with both, and may end the process."""


def headers_of(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    """A record's headers; none where a name is not UTF-8, as a stranger's may be. To be asked once for each record."""
    try:
        return tuple(_headers(message) or ())
    except (UnicodeDecodeError, SystemError):
        return ()
