"""Each kind of bad record ends as the contract says, and the good one behind it is applied."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from api import refusal_log
from api.refusal_log import RefusalLog
from chat.errors import BrokerUnavailable
from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.conftest import StartWorker
from tests.integration.test_api import changed, ready, serving
from tests.oracle.topics import DEAD_LETTER, EVENTS, REJECTIONS, Reader, Said
from tests.records import PARTITIONS, token, uid
from tests.wait import until

KEY = b"tenant-1/learner-1"


def home_of(key: bytes) -> int:
    """The partition that Java's client gives it."""
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


HOME = home_of(KEY)
OTHER = (HOME + 1) % PARTITIONS
THREAD = uid(1, 1)


@dataclass(frozen=True)
class Bad:
    """A record that is good but for what is given here, and the code that it gets."""

    code: str
    fields: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    key: bytes = KEY
    partition: int = HOME
    bearer: str | None = None
    value: bytes | None = None
    correlation: bytes | None = None
    """In the place of the number by which it is known."""


BAD = {
    "random bytes": Bad("undecodable", value=b"\x8f\x02random"),
    "no value": Bad("undecodable", value=b""),
    "another's schema": Bad("unknown_schema", value=b"\xc3\x01" + b"12345678" + b"datum"),
    "an unknown type": Bad("unknown_type", {"type": "SingSong"}),
    "no learner": Bad("no_identity", {"learner_id": ""}),
    "no token": Bad("unauthenticated", bearer=""),
    "a token that is none": Bad("unauthenticated", bearer="Bearer nonsense"),
    "an unknown role": Bad("unauthenticated", token={"role": "wizard"}),
    "an expired token": Bad("token_expired", token={"ttl": 1, "now": 1_600_000_000}),
    "another tenant": Bad("wrong_tenant", token={"tenant": "tenant-2"}),
    "a wrong key": Bad("key_mismatch", key=b"tenant-1/learner-2"),
    "a wrong partition": Bad("key_mismatch", partition=OTHER),
    "a learner out of scope": Bad("out_of_scope", token={"learners": ["learner-2"]}),
    "no permission": Bad("forbidden", token={"role": "compliance"}),
    "an empty text": Bad("invalid", {"content": ""}),
    "an unknown field": Bad("invalid", {"colour": "red"}),
    "a missing thread": Bad("thread_not_found", {"thread_id": uid(1, 99)}),
    "a missing message": Bad("message_not_found", {"reply_to": uid(2, 99)}),
}

UNREADABLE = {"undecodable", "unknown_schema", "unknown_type", "no_identity"}


class Client:
    """Sends one record after the other and sees what becomes of them."""

    def __init__(self, settings: Settings, **config: object) -> None:
        own = {"bootstrap.servers": settings.kafka_bootstrap_servers[0], "log_level": 0}
        self._producer = Producer(own | {name.replace("_", "."): value for name, value in config.items()})
        self._reader = Reader(settings.kafka_bootstrap_servers[0], PARTITIONS)
        self._ids = iter(range(1, 1_000_000))

    def create(self) -> Said:
        """Makes the thread."""
        return self.outcome(self.send(Bad("", {"type": "CreateThread", "thread_id": THREAD, "title": "Fractions"})))

    def post(self) -> Said:
        """Posts a message that is good."""
        return self.outcome(self.send(Bad("")))

    def send(self, bad: Bad) -> str:
        """Sends a record; the number by which it is known."""
        number = str(next(self._ids))
        bearer = bad.bearer if bad.bearer is not None else "Bearer " + token(**bad.token)
        correlation = number.encode() if bad.correlation is None else bad.correlation
        headers = [("correlation-id", correlation), ("authorization", bearer.encode())]
        value = bad.value if bad.value is not None else self._value(int(number), bad.fields)
        self._producer.produce("chat.commands", value, bad.key, partition=bad.partition, headers=headers)
        self._producer.flush()
        return number

    def outcome(self, number: str) -> Said:
        """What was said of a record."""

        def said() -> Said | None:
            self._reader.poll()
            return next((one for one in self._reader.read if one.header("correlation-id") == number), None)

        found: Said = until(said, what=f"the outcome of record {number}")
        return found

    def read(self) -> list[Said]:
        """Everything that was said."""
        return list(self._reader.read)

    def _value(self, number: int, changes: dict[str, Any]) -> bytes:
        fields = {"type": "PostMessage", "command_id": uid(3, number), "tenant_id": "tenant-1"}
        fields |= {"learner_id": "learner-1", "thread_id": THREAD} | changes
        if fields["type"] == "PostMessage":
            fields = {"message_id": uid(2, number), "content": f"message {number}"} | fields
        return json.dumps(fields).encode()

    def close(self) -> None:
        self._reader.close()


@pytest.fixture(scope="module")
def client(fresh: Settings) -> Iterator[Client]:
    """One for all."""
    made = Client(fresh)
    yield made
    made.close()


def test_each_bad_record_ends_as_the_contract_says(client: Client, fresh: Settings, start_worker: StartWorker) -> None:
    """Refused or a dead letter, with its code and without the token; the next good record is applied."""
    start_worker(fresh)
    assert client.create().topic == EVENTS
    for seq, (what, bad) in enumerate(BAD.items(), start=1):
        number = client.send(bad)
        good = client.post()
        _assert_ended(what, bad, client.outcome(number))
        assert good.topic == EVENTS, what
        assert good.record.fields["data"]["seq"] == seq


def _assert_ended(what: str, bad: Bad, said: Said) -> None:
    assert not said.header("authorization"), what
    if bad.code in UNREADABLE:
        assert (said.topic, said.header("x-error-code"), said.partition) == (DEAD_LETTER, bad.code, HOME), what
        assert bad.value is None or said.value == bad.value, what
    else:
        refused = said.record.fields
        assert (said.topic, refused["code"], said.key, said.partition) == (REJECTIONS, bad.code, KEY, HOME), what
        assert (refused["topic"], refused["partition"]) == ("chat.commands", bad.partition), what


async def test_a_moderator_sees_what_was_refused(client: Client, fresh: Settings) -> None:
    """Every refusal of the learner that is on the topic, newest first, over HTTP; no dead letter, nothing of others."""
    said = [one.record.fields for one in client.read() if one.topic == REJECTIONS]
    async with serving(changed(fresh, enable_rate_limiting=False, api_port=0)) as api:
        await ready(api)
        api.bearer = token(role="admin")
        shown = await api.items("/api/v1/refusals", learner_id="learner-1", limit=3)
        assert await api.items("/api/v1/refusals", learner_id="learner-2") == []
    assert [(one["command_id"], one["code"]) for one in shown] == [
        (one["command_id"], one["code"]) for one in said[::-1]
    ]
    assert {one["code"] for one in shown} == {bad.code for bad in BAD.values()} - UNREADABLE


def test_who_names_a_learner_at_length_is_told(client: Client, fresh: Settings, start_worker: StartWorker) -> None:
    """A name that can be read is refused as invalid, under its own key; a good record behind it is applied."""
    start_worker(fresh)
    name = "l" * 16_384
    key = f"tenant-1/{name}".encode()
    bad = Bad("invalid", {"learner_id": name}, token={"role": "admin"}, key=key, partition=home_of(key))
    said = client.outcome(client.send(bad))
    assert (said.topic, said.key, said.partition) == (REJECTIONS, key, bad.partition)
    assert (said.record.fields["code"], said.record.fields["learner_id"]) == ("invalid", name)
    assert client.post().topic == EVENTS


async def test_a_kafka_that_is_away_costs_a_bounded_wait(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks is told so in time, whoever waits for the same too, and no thread goes on waiting."""
    monkeypatch.setattr(refusal_log, "PATIENCE_SECONDS", 0.5)
    log = RefusalLog(changed(fresh, kafka_bootstrap_servers=(f"127.0.0.1:{free_port()}",)))
    began = time.monotonic()
    asked = [log.window(KEY, None) for _ in range(3 * refusal_log.AT_ONCE)]
    assert {type(one) for one in await asyncio.gather(*asked, return_exceptions=True)} == {BrokerUnavailable}
    await asyncio.to_thread(log.close)
    assert time.monotonic() - began < 5
