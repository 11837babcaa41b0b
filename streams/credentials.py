"""The settings' SASL and TLS in Faust's words."""

from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from chat.kafka import has_oauth, has_sasl, has_tls
from chat.settings import Settings
from chat.tls import tls_context
from streams.broker_token import TokenProvider


def credentials(settings: Settings) -> Credentials | None:
    """What Faust's consumer and producer show the brokers; None on a plain connection. Raises `BadSetting`."""
    context = tls_context(settings, "kafka") if has_tls(settings) else None
    if not has_sasl(settings):
        return SSLCredentials(context) if context else None
    if has_oauth(settings):
        return OAuthCredentials(oauth_cb=TokenProvider(settings), ssl_context=context)
    return SASLCredentials(
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )
