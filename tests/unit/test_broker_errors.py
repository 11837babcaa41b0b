"""What Kafka says of a client that it does not let in: for good, or for now."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from chat.broker import NO_TOKEN, SECONDS, Broker, Place, typed
from chat.errors import BrokerRefused, BrokerUnavailable

ALERT = (
    "ssl://b:1/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert: SSL alert number {} (after 0ms)"
)


@pytest.mark.parametrize("alert", [42, 43, 44, 45, 46, 48, 49, 116])
def test_a_certificate_that_is_not_trusted_is_for_good(alert: int) -> None:
    """An alert of TLS about our certificate is no broker that is away, though the library has it for one."""
    assert isinstance(typed(KafkaError(KafkaError._TRANSPORT, ALERT.format(alert))), BrokerRefused)


@pytest.mark.parametrize("alert", [0, 10, 40, 80, 90, 112, 420, 1160])
def test_any_other_end_of_a_connection_passes(alert: int) -> None:
    """Another alert may be a broker's that stops or starts."""
    assert isinstance(typed(KafkaError(KafkaError._TRANSPORT, ALERT.format(alert))), BrokerUnavailable)


def test_a_token_that_is_refused_is_for_good_and_not_shown() -> None:
    """An OAuth server's own words may repeat what it was sent; ours name the settings."""
    said = NO_TOKEN + '{"error":"invalid_client","error_description":"planted-secret"}'
    refused = typed(KafkaError(KafkaError._AUTHENTICATION, said))
    assert isinstance(refused, BrokerRefused)
    assert "planted" not in str(refused)
    assert "KAFKA_SASL_OAUTH_TOKEN_URL" in str(refused)


def test_an_identity_provider_that_is_away_passes() -> None:
    """Without a token for now, the client goes on asking."""
    said = NO_TOKEN + "Failed to connect to idp.example port 443"
    assert isinstance(typed(KafkaError(KafkaError._AUTHENTICATION, said)), BrokerUnavailable)


def test_a_wrong_password_is_for_good() -> None:
    """As the broker says it."""
    assert isinstance(typed(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error")), BrokerRefused)


@pytest.mark.parametrize(
    "code", [KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART]
)
def test_a_topic_that_is_not_known_just_now_passes(code: int) -> None:
    """A broker that has begun anew may not know it yet; that it is gone is found by who looks at the topics."""
    assert isinstance(typed(KafkaError(code)), BrokerUnavailable)


class Wedged:
    """An administration client whose questions run out of time, as long as it lives; the next one made answers."""

    made = 0

    def __init__(self, _config: object) -> None:
        Wedged.made += 1
        self._answers = Wedged.made > 1

    def list_offsets(self, asked: dict[TopicPartition, object], *, request_timeout: float) -> dict[Any, Future[Any]]:
        """As `AdminClient`."""
        assert request_timeout == SECONDS
        answer = Future[Any]()
        if self._answers:
            answer.set_result(SimpleNamespace(offset=7))
        else:
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return dict.fromkeys(asked, answer)

    def poll(self, _timeout: float) -> int:
        """As `AdminClient`."""
        return 0


def test_a_client_whose_question_ran_out_of_time_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keeps it from its broker keeps nobody waiting once that answers others."""
    monkeypatch.setattr("chat.broker.AdminClient", Wedged)
    monkeypatch.setattr(Wedged, "made", 0)
    broker, place = Broker({}), Place("chat.events", 0)
    with pytest.raises(BrokerUnavailable):
        broker.ends([place])
    assert broker.ends([place]) == broker.ends([place]) == {place: 7}
    assert Wedged.made == 2
