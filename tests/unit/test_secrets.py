"""Secrets in settings: nothing that says what it is shows one."""

import re
from pathlib import Path
from typing import Any

import pytest

from chat.broker import Broker
from chat.errors import BadSetting, ChatError
from chat.kafka import librdkafka
from chat.settings import Settings, load
from streams.broker_token import TokenProvider
from streams.credentials import credentials
from tests.authority import Authority
from tests.records import settings_for_tests

PLANTED = "planted-secret-of-the-tests-"
SECRETS = sorted(name for name, field in Settings.model_fields.items() if not field.repr)
VALUES = {name: f"{PLANTED}{name}-and-much-longer" for name in SECRETS} | {"redis_url": f"redis://:{PLANTED}@h/0"}
SOUNDS_SECRET = re.compile(r"password|secret|token$|headers|redis_url")


def test_whatever_sounds_secret_is() -> None:
    """A setting whose name speaks of a secret is left out of `repr`."""
    named = {name for name in Settings.model_fields if SOUNDS_SECRET.search(name)}
    assert named <= set(SECRETS)
    assert len(SECRETS) >= 8


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "OAUTHBEARER"])
def test_no_secret_shows_in_what_says_what_it_is(mechanism: str) -> None:
    """Neither settings nor a client's credentials nor the one that asks for tokens show any."""
    settings = settings_for_tests(
        **VALUES,
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism=mechanism,
        kafka_sasl_username="somebody",
        kafka_sasl_oauth_token_url="https://idp.example/token",
    )
    shown = [repr(settings), str(settings), repr(credentials(settings)), repr(TokenProvider(settings))]
    assert "somebody" in shown[0]
    assert not [text for text in shown if PLANTED in text]


WRONG = {
    "too short": {
        "jwt_secret_key": PLANTED[:20],
        "environment": "production",
        "topic_replication": 3,
        "cassandra_replication": {"datacenter1": 3},
    },
    "two families": {"jwt_jwks_url": "https://idp.example/keys"},
    "no user": {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": ""},
    "no address": {
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_username": "somebody",
        "kafka_sasl_mechanism": "OAUTHBEARER",
    },
    "no protocol": {"kafka_security_protocol": PLANTED},
    "no number": {"kafka_port": PLANTED},
    "half of TLS": {"cassandra_ssl_cafile": "ca.pem"},
    "no object": {"cassandra_replication": PLANTED},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_complaint_names_the_variable_and_no_value(wrong: dict[str, Any]) -> None:
    """Whatever is wrong, the text that ends the process holds nothing of what was given."""
    with pytest.raises(BadSetting, match=r"^[A-Z_]+") as complaint:
        load(_env_file=None, **VALUES | wrong)
    assert PLANTED[:20] not in str(complaint.value)


def test_a_key_that_its_password_does_not_open_is_a_complaint_without_it(tmp_path: Path) -> None:
    """The password of a key is neither asked for at the terminal nor repeated."""
    signed = Authority(tmp_path).sign("client", password="another")
    files = {"kafka_ssl_certfile": signed.certificate, "kafka_ssl_keyfile": signed.key}
    for password in ("", PLANTED):
        settings = settings_for_tests(kafka_security_protocol="SSL", kafka_ssl_key_password=password, **files)
        with pytest.raises(BadSetting, match="KAFKA_SSL_CAFILE") as complaint:
            librdkafka(settings)
        assert PLANTED not in str(complaint.value)


def test_a_client_that_cannot_be_made_says_no_password() -> None:
    """Kafka's client library refuses settings without repeating them."""
    settings = settings_for_tests(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="somebody", kafka_sasl_password=PLANTED
    )
    with pytest.raises(ChatError) as complaint:
        Broker(librdkafka(settings) | {"sasl.mechanism": "NONE"})
    assert PLANTED not in str(complaint.value)
