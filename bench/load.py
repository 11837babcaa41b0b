"""The load generator: posts messages as a plain producer that knows the contract, from a process of its own."""

import secrets
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from confluent_kafka import Producer

import schemas
from bench.workloads import Place, Workload, place
from chat.domain.partition import learner_key
from chat.ids import new_id
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.tokens import make_token
from chat.topic_specs import Topic

ISSUED = time.time()
"""Fixed for the process, so that a learner has one token for the whole run."""

DAY = 86_400
TICK = 0.005
CONTENT = "Heute haben wir die Brüche geübt: ¾ und ⅝ sind schwer, aber ½ + ¼ kann ich jetzt. What comes next week?"


class Burst(NamedTuple):
    """Commands to the workload's threads, from the turn `first` on; `rate` a second, None as fast as they go.

    With `traced` each brings a `traceparent` of its own that asks for a trace.
    """

    workload: Workload
    first: int
    commands: int
    rate: float | None = None
    traced: bool = False


class Command(NamedTuple):
    """A record, ready to be sent."""

    key: str
    value: bytes
    headers: list[tuple[str, str | bytes]]


def send(settings: Settings, burst: Burst) -> None:
    """Encodes all of a burst, sends it, and returns when the broker has it."""
    commands = _commands(settings, burst)
    producer = Producer(
        librdkafka(settings)
        | {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 1}
        | {"queue.buffering.max.messages": 1_000_000}
    )
    for due in _paced(commands, burst.rate):
        for one in due:
            producer.produce(Topic.COMMANDS, one.value, one.key, headers=one.headers)
        producer.poll(0)
    producer.flush()


def _paced(commands: Sequence[Command], rate: float | None) -> Iterator[Sequence[Command]]:
    """What is due at every tick."""
    if rate is None:
        yield commands
        return
    start, rest, sent = time.perf_counter(), iter(commands), 0
    while sent < len(commands):
        time.sleep(TICK)
        due = min(len(commands), int((time.perf_counter() - start) * rate))
        yield list(islice(rest, due - sent))
        sent = due


def _commands(settings: Settings, burst: Burst) -> list[Command]:
    turns = range(burst.first, burst.first + burst.commands)
    where = [place(burst.workload, turn) for turn in turns]
    bearers = {one: _bearer(settings, one) for one in set(where)}
    return [Command(learner_key(*one[:2]), _value(one), _headers(bearers[one], burst.traced)) for one in where]


def _headers(bearer: str, traced: bool) -> list[tuple[str, str | bytes]]:  # noqa: FBT001 - named by its caller
    asking: list[tuple[str, str | bytes]] = []
    if traced:
        asking = [("traceparent", f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")]
    return [("authorization", bearer), *asking]


def _bearer(settings: Settings, at: Place) -> str:
    user = f"user-of-{at.learner_id}"
    return "Bearer " + make_token(settings, at.tenant_id, user, "learner", [at.learner_id], now=ISSUED, ttl=DAY)


def _value(at: Place) -> bytes:
    written = {"message_type": "text", "content": CONTENT, "reply_to": None, "metadata": "{}"}
    return schemas.encode("PostMessage", at._asdict() | {"command_id": new_id(), "message_id": new_id()} | written)
