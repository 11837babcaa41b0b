"""One set of settings in the words of both client libraries."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chat.errors import BadSetting
from chat.kafka import aiokafka, bootstrap_servers, librdkafka
from tests.records import settings_for_tests


def test_without_addresses_it_is_the_embedded_broker() -> None:
    """Unset addresses mean the embedded broker on KAFKA_PORT."""
    assert bootstrap_servers(settings_for_tests(kafka_port=1234)) == ("127.0.0.1:1234",)


def test_a_plain_connection_names_no_secret() -> None:
    """Without SASL and TLS neither client gets more than addresses and protocol."""
    settings = settings_for_tests(kafka_bootstrap_servers=("a:1", "b:2"), kafka_sasl_password="hush")
    assert librdkafka(settings) == {"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT", "log_level": 0}
    assert aiokafka(settings) == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "PLAINTEXT"}


def test_sasl_reaches_both_clients() -> None:
    """Mechanism, user and password are handed over where the protocol is SASL."""
    settings = settings_for_tests(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="me", kafka_sasl_password="hush"
    )
    assert librdkafka(settings).items() >= {
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "me"),
        ("sasl.password", "hush"),
    }
    assert aiokafka(settings).items() >= {
        ("sasl_mechanism", "SCRAM-SHA-512"),
        ("sasl_plain_username", "me"),
        ("sasl_plain_password", "hush"),
    }


def test_tls_verifies_the_brokers(tmp_path: Path) -> None:
    """With TLS both clients verify the brokers' certificates, by the file that is set."""
    authorities = tmp_path / "ca.pem"
    authorities.write_text(_any_certificate())
    settings = settings_for_tests(kafka_security_protocol="SSL", kafka_ssl_cafile=authorities)
    assert librdkafka(settings)["ssl.ca.location"] == str(authorities)
    context = aiokafka(settings)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_missing_tls_file_is_a_wrong_setting(tmp_path: Path) -> None:
    """A file that is not there stops the process with the variable's name."""
    settings = settings_for_tests(kafka_security_protocol="SSL", kafka_ssl_cafile=tmp_path / "nothing.pem")
    for build in (librdkafka, aiokafka):
        with pytest.raises(BadSetting, match="KAFKA_SSL_CAFILE: there is no file"):
            build(settings)


def test_a_file_that_is_no_certificate_is_a_wrong_setting(tmp_path: Path) -> None:
    """A file that holds no PEM stops the process with the variables' names."""
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")
    with pytest.raises(BadSetting, match="KAFKA_SSL_CAFILE"):
        aiokafka(settings_for_tests(kafka_security_protocol="SSL", kafka_ssl_cafile=nonsense))


def _any_certificate() -> str:
    """Signed by itself, for names and dates are nobody's concern here."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    return builder.sign(key, None).public_bytes(Encoding.PEM).decode()
