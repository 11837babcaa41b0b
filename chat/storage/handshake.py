"""Why a TLS connection to Cassandra fails: the driver keeps the error's number and text, and its kind is lost."""

import socket
import ssl

from chat.errors import StorageRefused
from chat.settings import Settings
from chat.tls import tls_context

SECONDS = 2.0


def contact_points(settings: Settings) -> list[str]:
    """Hosts to ask first."""
    return list(settings.cassandra_contact_points) or ["127.0.0.1"]


def require_handshake(settings: Settings) -> None:
    """Raises `StorageRefused` where a node's certificate is not to be trusted, or the node does not trust ours.

    Returns where there is no TLS, a node is away, or nothing is wrong. Blocks for two seconds a node at most.
    """
    if not settings.cassandra_ssl:
        return
    context = tls_context(settings, "cassandra")
    for host in contact_points(settings):
        try:
            _shake(context, host, settings.cassandra_port)
        except ssl.SSLCertVerificationError as error:
            raise StorageRefused(
                f"Cassandra's certificate is not to be trusted: {error.verify_message}; see CASSANDRA_SSL_CAFILE"
            ) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            continue  # the node hung up, as one that stops does
        except ssl.SSLError as error:
            raise StorageRefused(
                f"Cassandra refuses the TLS connection: {error.reason}; see CASSANDRA_SSL_CERTFILE"
            ) from None
        except OSError:
            continue


def _shake(context: ssl.SSLContext, host: str, port: int) -> None:
    """A node that does not trust our certificate says so after the handshake (TLS 1.3), to whoever reads."""
    with (
        socket.create_connection((host, port), SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        secured.recv(1)
