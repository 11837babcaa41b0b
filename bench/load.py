"""The load generator: sends a workload as a plain producer that knows the contract, from a process of its own."""

import secrets
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from confluent_kafka import Producer

import schemas
from bench.workload import Caller, Intent, Workload, posts
from chat.domain.partition import learner_key
from chat.kafka import librdkafka
from chat.settings import Settings
from chat.tokens import make_token
from chat.topic_specs import Topic

ISSUED = time.time()
"""Fixed for the process, so that a caller has one token for the whole run."""

DAY = 86_400
TICK = 0.005
PIECE = 1_000
SENT = "correlation-id"
"""The header that says when a command was sent, and which its event has too; where latency is measured."""

_bearers: dict[Caller, str] = {}


class Burst(NamedTuple):
    """So many commands of a workload's `play`; `rate` a second, None as fast as they go.

    `touch` has a message for each thread instead. With `traced` each brings a `traceparent` of its own that asks for a
    trace.
    """

    workload: Workload
    commands: int
    play: int = 0
    rate: float | None = None
    touch: bool = False
    traced: bool = False

    def intents(self) -> Iterator[Intent]:
        """What is to be sent, in order."""
        make = posts if self.touch else self.workload.commands
        return make(self.workload, self.commands, self.play)

    @property
    def refusals(self) -> int:
        """How many of its commands a service must refuse."""
        return 0 if self.touch else self.workload.refusals(self.commands)


class Command(NamedTuple):
    """A record, ready to be sent."""

    key: str
    value: bytes
    headers: list[tuple[str, str | bytes]]


def send(settings: Settings, burst: Burst) -> None:
    """Encodes all of a burst, sends it, and returns when the broker has it."""
    commands = [_command(settings, burst, one) for one in burst.intents()]
    producer = _producer(settings)
    for due in paced(commands, burst.rate):
        sent = [(SENT, str(time.time_ns() // 1000))] if burst.rate else []
        for one in due:
            producer.produce(Topic.COMMANDS, one.value, one.key, headers=[*one.headers, *sent])
        producer.poll(0)
    producer.flush()


def pour(settings: Settings, workload: Workload, commands: int, rate: float | None) -> float:
    """Encodes each command when it is due, so that there may be any number of them; the seconds that it took.

    Without a `rate` it waits for nobody but the broker, a thousand at a time.
    """
    producer, began, burst = _producer(settings), time.perf_counter(), Burst(workload, commands)
    intents = burst.intents()
    for due in paced(range(commands), rate) if rate else _pieces(commands):
        for one in islice(intents, len(due)):
            command = _command(settings, burst, one)
            sent = (SENT, str(time.time_ns() // 1000))
            producer.produce(Topic.COMMANDS, command.value, command.key, headers=[*command.headers, sent])
        producer.poll(0) if rate else producer.flush()
    producer.flush()
    return time.perf_counter() - began


def _pieces(commands: int) -> Iterator[range]:
    for start in range(0, commands, PIECE):
        yield range(start, min(commands, start + PIECE))


def _producer(settings: Settings) -> Producer:
    return Producer(
        librdkafka(settings)
        | {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 1}
        | {"queue.buffering.max.messages": 1_000_000}
    )


def paced(everything: Sequence[Any], rate: float | None) -> Iterator[Sequence[Any]]:
    """What is due at every tick."""
    if rate is None:
        yield everything
        return
    start, rest, sent = time.perf_counter(), iter(everything), 0
    while sent < len(everything):
        time.sleep(TICK)
        due = min(len(everything), int((time.perf_counter() - start) * rate))
        yield list(islice(rest, due - sent))
        sent = due


def _command(settings: Settings, burst: Burst, one: Intent) -> Command:
    tracing: list[tuple[str, str | bytes]] = []
    if burst.traced:
        tracing = [("traceparent", f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")]
    key = learner_key(one.fields["tenant_id"], one.fields["learner_id"])
    headers = [("authorization", bearer(settings, one.caller)), *tracing]
    return Command(key, schemas.encode(one.type, one.fields), headers)


def bearer(settings: Settings, caller: Caller) -> str:
    """The caller's `authorization`, the same for as long as the process lives."""
    if caller not in _bearers:
        tenant_id, user_id, role, learner_id = caller
        token = make_token(settings, tenant_id, user_id, role, [learner_id], now=ISSUED, ttl=DAY)
        _bearers[caller] = f"Bearer {token}"
    return _bearers[caller]
