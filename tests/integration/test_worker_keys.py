"""A worker whose keys come from a key server: new ones, old ones, unknown ones, and the server being away."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chat.domain.partition import partition_of
from chat.ids import new_id
from chat.sdk import Producer
from chat.sdk.producer import Sent
from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.hasty_keys import PROGRAM
from tests.key_server import KeyServer, key_server
from tests.oracle.topics import EVENTS, REJECTIONS, Group, Reader
from tests.records import PARTITIONS
from tests.signing import Signer
from tests.wait import until

ONE, TWO, THREE = Signer.new("one", "RS256"), Signer.new("two", "ES256"), Signer.new("three")

Send = Callable[..., Sent]


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(ONE) as one:
        yield one


@pytest.fixture
def house(servers: Addresses, server: KeyServer) -> Iterator[Settings]:
    """A house where nothing has happened yet, whose tokens are signed with that server's keys."""
    settings = clean_house(servers, jwt_secret_key="", jwt_jwks_url=server.address)
    yield settings
    drop_keyspace(settings)


@pytest.fixture
def send(house: Settings) -> Iterator[Send]:
    """Creates a thread of a learner, as the bearer of a signer's token."""
    with ExitStack() as closing:
        producer = closing.enter_context(Producer(house))

        def sending(signer: Signer, learner: str = "learner-1") -> Sent:
            command = {"type": "CreateThread", "tenant_id": "tenant-1", "learner_id": learner, "title": "Fractions"}
            return producer.send(command | {"thread_id": new_id()}, token=signer.token())

        yield sending


def ended(sent: Sent) -> tuple[str, str | None]:
    """How a command ended, and with which code."""
    outcome = sent.outcome(120)
    return outcome.outcome, outcome.code


APPLIED, UNAUTHENTICATED = ("applied", None), ("refused", "unauthenticated")


def elsewhere(learner: str) -> str:
    """A learner of another partition."""
    home = partition_of(f"tenant-1/{learner}".encode(), PARTITIONS)
    others = (f"learner-{number}" for number in range(2, 100))
    return next(one for one in others if partition_of(f"tenant-1/{one}".encode(), PARTITIONS) != home)


def test_new_keys_are_found_and_strangers_are_refused(
    house: Settings, server: KeyServer, send: Send, start_worker: StartWorker
) -> None:
    """The first command of a new key is applied; of a hundred strangers each is refused, and all cost one fetch."""
    start_worker(house).until_ready()
    assert ended(send(ONE)) == APPLIED
    server.signers = [ONE, TWO]
    assert ended(send(TWO)) == APPLIED
    assert ended(send(ONE)) == APPLIED
    asked = server.asked
    strangers = [send(Signer(f"none-{number}", "EdDSA", THREE.private), f"learner-{number}") for number in range(100)]
    assert {ended(one) for one in strangers} == {UNAUTHENTICATED}
    assert server.asked <= asked + 2, "one for them all, and the one that comes every minute"
    assert ended(send(Signer("one", "RS256", Signer.new("one", "RS256").private))) == UNAUTHENTICATED
    assert ended(send(TWO)) == APPLIED


def test_a_command_waits_for_the_key_server(
    house: Settings, server: KeyServer, send: Send, start_worker: StartWorker
) -> None:
    """A key that is not known while the server is away is no refusal: its lane waits and says so, the others go on."""
    server.stop()
    worker = start_worker(house).until_ready()
    first = send(ONE)
    until(lambda: worker.ready()[1].get("waiting_for") == ["jwks"], what="the worker's waiting for its first keys")
    server.start()
    assert ended(first) == APPLIED
    worker.until_ready()
    server.stop()
    stuck, behind = send(TWO), send(ONE)
    until(lambda: worker.ready()[1].get("waiting_for") == ["jwks"], what="the worker's waiting for another key")
    assert worker.ready()[0] == 503
    assert worker.metric("chat_waiting_for_server") == 1
    assert ended(send(ONE, elsewhere("learner-1"))) == APPLIED
    server.signers = [ONE, TWO]
    server.start()
    assert [ended(stuck), ended(behind)] == [APPLIED, APPLIED]
    worker.until_ready()
    assert worker.metric("chat_waiting_for_server") == 0
    assert worker.metric("chat_jwks_fetches_total") > 2


def test_what_is_read_again_is_judged_by_the_keys_of_its_time(
    house: Settings, server: KeyServer, send: Send, start_worker: StartWorker
) -> None:
    """Commands of a key that left the set since are applied again and not refused, those after its end stay refused.

    Another worker knows it from the tables, with the key server away.
    """
    worker = start_worker(house, program=PROGRAM).until_ready()
    early = [send(ONE) for _ in range(3)]
    assert {ended(one) for one in early} == {APPLIED}
    server.signers = [TWO]
    late = until(lambda: _refused(send(ONE)), 60, "the end of a key that left the set")
    assert ended(send(TWO)) == APPLIED
    assert worker.stop() == 0
    server.stop()
    before = _said(house)
    _read_all_again(house, start_worker)
    assert _said(house) == {what: 2 * times for what, times in before.items()}
    assert {before[(one.outcome(120).event_id,)] for one in early} == {1}
    assert before[late.position().offset, "unauthenticated"] == 1


def _refused(sent: Sent) -> Sent | None:
    return sent if ended(sent) == UNAUTHENTICATED else None


def _read_all_again(house: Settings, start_worker: StartWorker) -> None:
    group = Group(house.kafka_bootstrap_servers[0], house.consumer_group, PARTITIONS)
    group.rewind()
    worker = start_worker(house, program=PROGRAM)
    until(lambda: group.committed() == group.ends(), what="every command's being read again")
    assert worker.stop() == 0
    group.close()


def _said(house: Settings) -> Counter[tuple[Any, ...]]:
    """How often each event was said, by its id, and each refusal, by the offset of its command."""
    reader = Reader(house.kafka_bootstrap_servers[0], PARTITIONS)
    said = reader.read_to(reader.ends())
    reader.close()
    fields = {topic: [one.record.fields for one in said if one.topic == topic] for topic in (EVENTS, REJECTIONS)}
    events = [(one["event_id"],) for one in fields[EVENTS]]
    return Counter([*events, *((one["offset"], one["code"]) for one in fields[REJECTIONS])])
