"""A command is tried again with the same ids until one attempt has an outcome."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from chat.broker import Place
from chat.errors import OutcomeTimeout
from chat.sdk import AsyncProducer, Outcome, OutcomeKind, Producer
from chat.sdk.ledger import Pending
from chat.sdk.record import Outgoing

DUPLICATE = Outcome("c", OutcomeKind.REFUSED, "duplicate", "e", "chat.commands", 0, 1)
COMMAND = {"type": "CreateThread", "tenant_id": "t-1", "learner_id": "l-1", "title": "Hello"}


class SlowService:
    """In the place of a client: answers the attempt of that number, no other."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self.sent: list[Mapping[str, Any]] = []

    def send(self, record: Outgoing, _headers: object) -> Pending:
        """Notes a command."""
        self.sent.append(record.command)
        pending = Pending(record.command["command_id"], record.identity, Place(str(record.topic), 0))
        if len(self.sent) == self._answers:
            pending.outcome.set_result(DUPLICATE)
        return pending


def producer(kind: type[Any], service: SlowService) -> Any:
    """A producer over the service, without threads."""
    made = object.__new__(kind)
    vars(made).update(_client=service, _token="a token", _seal_to=None)
    return made


def test_an_attempt_without_an_outcome_is_sent_again() -> None:
    """The third attempt's `duplicate` is a success; all three have the ids of the first."""
    service = SlowService(answers=3)
    outcome = producer(Producer, service).deliver(COMMAND, attempts=3, timeout=0.01)
    assert (outcome, outcome.succeeded) == (DUPLICATE, True)
    assert len(service.sent) == 3
    assert service.sent[0] == service.sent[1] == service.sent[2]
    assert {"command_id", "thread_id"} <= service.sent[0].keys()


def test_after_the_last_attempt_it_is_said() -> None:
    """No more attempts than were asked for."""
    service = SlowService(answers=3)
    with pytest.raises(OutcomeTimeout):
        producer(Producer, service).deliver(COMMAND, attempts=2, timeout=0.01)
    assert len(service.sent) == 2


async def test_on_an_event_loop_it_is_the_same() -> None:
    """Two attempts, the same ids, one outcome."""
    service = SlowService(answers=2)
    made = producer(AsyncProducer, service)
    made._turn = asyncio.Lock()
    assert await made.deliver(COMMAND, attempts=3, seconds=0.01) == DUPLICATE
    assert service.sent[0] == service.sent[1]
    assert len(service.sent) == 2
