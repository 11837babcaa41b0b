"""Which of Kafka's errors pass, and which stay."""

import pytest
from confluent_kafka import KafkaError

from chat.broker import typed
from chat.errors import BrokerRefused, BrokerUnavailable, NotSent


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TIMED_OUT, BrokerUnavailable),
        (KafkaError.LEADER_NOT_AVAILABLE, BrokerUnavailable),
        (KafkaError._NOENT, BrokerUnavailable),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, BrokerRefused),
        (KafkaError.INVALID_CONFIG, BrokerRefused),
        (KafkaError.MSG_SIZE_TOO_LARGE, NotSent),
    ],
)
def test_what_passes_is_waited_for(code: int, kind: type[Exception]) -> None:
    """Partitions without a leader, as while a broker starts, are no refusal: they end no worker."""
    assert type(typed(KafkaError(code))) is kind
