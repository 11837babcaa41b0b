"""What is too large for Kafka once it is unpacked ends like anything else, and the records behind it too."""

from collections.abc import Iterator

import pytest

from chat.broker import broker
from chat.settings import Settings
from chat.topic_specs import CAUSED_BYTES, Topic
from streams.dead_letters import CUT
from tests.conftest import StartWorker
from tests.integration.test_worker_outcomes import KEY, Bad, Client
from tests.oracle.topics import DEAD_LETTER, EVENTS, REJECTIONS

HUGE = bytes(CAUSED_BYTES + (1 << 20))
"""Zeros: a few kilobytes where they are packed."""


@pytest.fixture
def packing(fresh: Settings) -> Iterator[Client]:
    """A producer that packs, and a topic that somebody has made to take it as it is."""
    broker(fresh).alter(Topic.COMMANDS, {"compression.type": "producer"})
    client = Client(fresh, compression_type="gzip", message_max_bytes=2 * len(HUGE))
    yield client
    client.close()


def test_nothing_too_large_stops_a_partition(packing: Client, fresh: Settings, start_worker: StartWorker) -> None:
    """A dead letter goes without what is too large, an event and a refusal without the headers they would copy.

    Each is in its order, and says so, or the log does: so does what only a broker's own limit refuses.
    """
    broker(fresh).alter(Topic.DEAD_LETTER, {"max.message.bytes": "10000"})
    worker = start_worker(fresh)
    packing.create()
    packing.send(Bad("undecodable", value=HUGE, correlation=b""))
    packing.send(Bad("undecodable", value=b"x" * 20_000, correlation=b""))
    packing.send(Bad("undecodable", value=b"x", key=HUGE, correlation=b""))
    applied = packing.send(Bad("", correlation=HUGE))
    packing.send(Bad("invalid", {"content": ""}, correlation=HUGE))
    whole = packing.send(Bad("undecodable", value=b"whole"))
    last = packing.post()

    *cut, left = (one for one in packing.read() if one.topic == DEAD_LETTER)
    assert [(one.key, one.value, one.header("x-source-offset")) for one in cut] == [
        (KEY, None, "1"),
        (KEY, None, "2"),
        (None, None, "3"),
    ]
    assert all(one.header("x-error-detail").endswith(CUT) for one in cut)
    assert (left.value, left.header("correlation-id")) == (b"whole", whole)
    assert not left.header("x-error-detail").endswith(CUT)

    _, event, after = (one for one in packing.read() if one.topic == EVENTS)
    assert (event.record.fields["data"]["seq"], event.header("correlation-id")) == (1, "")
    assert event.record.fields["data"]["content"] == f"message {applied}"
    assert after == last
    (refusal,) = (one for one in packing.read() if one.topic == REJECTIONS)
    assert (refusal.record.fields["code"], refusal.header("correlation-id")) == ("invalid", "")
    assert [one["topic"] for one in worker.said("record_cut")].count(DEAD_LETTER) == 4
