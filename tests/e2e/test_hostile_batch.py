"""Thousands of hostile commands and tokens through a real Kafka and a real worker, in one batch: none is applied."""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from confluent_kafka import Message, Producer

from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.clean_house import clean_house, drop_keyspace
from tests.command_forge import CommandForge
from tests.e2e.client import ContractClient
from tests.hostile_commands import CONTROL, Tried, batch
from tests.hostile_tokens import AUDIENCE, ISSUER, TokenForge, hostile_tokens
from tests.records import SECRET
from tests.wait import until
from tests.worker import WorkerProcess

Position = tuple[int, int]


@pytest.fixture(scope="module")
def fresh(servers: Addresses) -> Iterator[Settings]:
    """A house whose tokens are of one issuer and one audience."""
    settings = clean_house(servers, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    yield settings
    drop_keyspace(settings)


def hs256(secret: str) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(secret.encode(), signed, sha256)


def by_token() -> list[Tried]:
    """Good commands, each with a hostile token, and after each kind one with the good token that they differ from."""
    commands = CommandForge(made=100_000)
    tokens = TokenForge({"alg": "HS256", "typ": "JWT"}, hs256(SECRET), lambda number: hs256(f"{SECRET}{number}"))
    tried = []
    for kind, hostile in hostile_tokens(tokens).items():
        # White space around a token belongs to its header.
        bare = [one for one in hostile if one == one.strip()]
        tried += [Tried(kind, commands.attempt(commands.fields(), one)) for one in bare]
        tried += [Tried(CONTROL, commands.attempt(commands.fields(), tokens.token()))]
    return tried


def send(settings: Settings, tried: Sequence[Tried]) -> dict[Position, str]:
    """Where each came to lie, and its kind."""
    placed: dict[Position, str] = {}

    def place(kind: str) -> Callable[[Any, Message], None]:
        def hear(error: Any, message: Message) -> None:
            assert error is None
            placed[message.partition(), message.offset()] = kind

        return hear

    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "enable.idempotence": True})
    for kind, (value, key, partition, headers) in tried:
        producer.produce("chat.commands", value, key, partition, headers=list(headers), on_delivery=place(kind))
    assert producer.flush(60) == 0
    return placed


def test_none_of_thousands_is_applied(fresh: Settings, client: ContractClient, worker: WorkerProcess) -> None:
    """Every hostile record is refused or a dead letter, once; every control is applied, and nothing else."""
    tried = [*batch(), *by_token()]
    kinds = send(fresh, tried)
    assert len(kinds) == len(tried) > 3_000
    until(lambda: worker.metric("chat_outcomes_total") >= len(tried), 120, "the outcomes")
    refusals = [json.loads(one.value()) for one in client.records("chat.rejections")]
    letters = [dict(one.headers()) for one in client.records("chat.dead-letter")]
    ended = [(one["partition"], one["offset"]) for one in refusals]
    ended += [(int(one["x-source-partition"]), int(one["x-source-offset"])) for one in letters]
    assert Counter(kinds[one] for one in kinds.keys() - set(ended)) == {
        CONTROL: sum(one.kind == CONTROL for one in tried)
    }
    assert Counter(ended) == Counter(one for one, kind in kinds.items() if kind != CONTROL)
    events = [one for one in client.records("chat.events") if one.value() is not None]
    assert len(events) == sum(kind == CONTROL for kind in kinds.values())
    assert worker.alive
