"""The settings' SASL and TLS in Faust's words."""

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from chat.kafka import ssl_context
from chat.settings import Settings


def credentials(settings: Settings) -> Credentials | None:
    """What Faust's consumer and producer show the brokers; None on a plain connection. Raises `BadSetting`."""
    protocol = settings.kafka_security_protocol
    context = ssl_context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL_"):
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
