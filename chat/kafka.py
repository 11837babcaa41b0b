"""How our clients reach Kafka: one place for addresses, TLS and SASL, in the words of both client libraries."""

import ssl
from pathlib import Path
from typing import Any

from chat.errors import BadSetting
from chat.settings import Settings

EMBEDDED_HOST = "127.0.0.1"
"""Where the embedded broker listens; it counts where KAFKA_BOOTSTRAP_SERVERS is unset."""


def bootstrap_servers(settings: Settings) -> tuple[str, ...]:
    """`host:port` of the brokers to ask first."""
    return settings.kafka_bootstrap_servers or (f"{EMBEDDED_HOST}:{settings.kafka_port}",)


def librdkafka(settings: Settings) -> dict[str, Any]:
    """Settings common to every confluent_kafka client. Raises `BadSetting` where a TLS file is not there."""
    config = {
        "bootstrap.servers": ",".join(bootstrap_servers(settings)),
        "security.protocol": settings.kafka_security_protocol,
        "log_level": 0,  # it would write to stderr by itself; its callers hear of errors and name them
    }
    if _has_sasl(settings):
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_sasl_username
        config["sasl.password"] = settings.kafka_sasl_password
    if _has_tls(settings):
        names = {"cafile": "ssl.ca.location", "certfile": "ssl.certificate.location", "keyfile": "ssl.key.location"}
        config |= {names[kind]: str(path) for kind, path in _tls_files(settings).items()}
    return config


def aiokafka(settings: Settings) -> dict[str, Any]:
    """Keyword arguments common to every aiokafka client. Raises `BadSetting` where a TLS file cannot be used."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(bootstrap_servers(settings)),
        "security_protocol": settings.kafka_security_protocol,
    }
    if _has_sasl(settings):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_sasl_username
        arguments["sasl_plain_password"] = settings.kafka_sasl_password
    if _has_tls(settings):
        arguments["ssl_context"] = ssl_context(settings)
    return arguments


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Verifies the brokers; shows the client's own certificate where one is set. Raises `BadSetting`."""
    files = _tls_files(settings)
    try:
        context = ssl.create_default_context(cafile=files.get("cafile"))
        if "certfile" in files:
            context.load_cert_chain(files["certfile"], files.get("keyfile"))
    except ssl.SSLError as error:
        raise BadSetting(f"KAFKA_SSL_CAFILE, _CERTFILE, _KEYFILE: not usable PEM files ({error.reason})") from None
    return context


def _has_sasl(settings: Settings) -> bool:
    return settings.kafka_security_protocol.startswith("SASL_")


def _has_tls(settings: Settings) -> bool:
    return settings.kafka_security_protocol.endswith("SSL")


def _tls_files(settings: Settings) -> dict[str, Path]:
    paths = {kind: getattr(settings, f"kafka_ssl_{kind}") for kind in ("cafile", "certfile", "keyfile")}
    files = {kind: path for kind, path in paths.items() if path}
    for kind, path in files.items():
        if not path.is_file():
            raise BadSetting(f"KAFKA_SSL_{kind.upper()}: there is no file of that name")
    return files
