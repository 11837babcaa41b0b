"""The producer for ordinary code."""

from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from chat.errors import BadInput, OutcomeTimeout
from chat.privacy.sealed_command import CommandKey
from chat.sdk.client import Client
from chat.sdk.ledger import Pending
from chat.sdk.outcome import Outcome, Position
from chat.sdk.record import outgoing
from chat.settings import Settings, load
from chat.tracing import current_traceparent

T = TypeVar("T")
SECONDS = 30.0
"""How long Kafka and the service have by default."""


class Sent:
    """A command that is on its way."""

    def __init__(self, command: Mapping[str, Any], pending: Pending) -> None:
        self.command = command
        self._pending = pending

    def position(self, timeout: float = SECONDS) -> Position:
        """Where it lies, once Kafka has it.

        Raises `OutcomeTimeout`, `NotSent`, `BrokerRefused` or `BrokerUnavailable`.
        """
        return _await(self._pending.placed, timeout, "Kafka has not acknowledged the command")

    def outcome(self, timeout: float = SECONDS) -> Outcome:
        """Its outcome. Raises as `position` does; after a time-out the outcome may still come."""
        return _await(self._pending.outcome, timeout, "the command has no outcome")


class Producer:
    """Sends commands, in the order of the calls. Safe to share between threads; a context manager.

    `settings` say where Kafka is (default: the process's own), `token` is the JWT to send with. With `outcomes=False`
    it only sends. `seal_to`: the service's public key (`GET /api/v1/privacy/command-keys`), to which every command is
    sealed. Raises `BadSetting`.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        token: str = "",
        outcomes: bool = True,
        seal_to: CommandKey | None = None,
    ) -> None:
        self._client = Client(settings or load(), outcomes=outcomes)
        self._token = token
        self._seal_to = seal_to

    def send(
        self, command: Mapping[str, Any], *, token: str = "", correlation_id: str = "", traceparent: str = ""
    ) -> Sent:
        """Queues `{"type": …, …}` with the ids that are missing; `Sent.command` has them.

        Raises `BadInput` for what is no JSON or has no token, `TopicMismatch`, `NotSent`, `BrokerRefused` or
        `BrokerUnavailable`; then nothing was sent.
        """
        record = outgoing(command, self._seal_to)
        pending = self._client.send(record, headers(token or self._token, correlation_id, traceparent))
        return Sent(record.command, pending)

    def deliver(
        self, command: Mapping[str, Any], *, token: str = "", attempts: int = 3, timeout: float = SECONDS
    ) -> Outcome:
        """Sends a command, again with the same ids where it has no outcome within `timeout` seconds; its outcome.

        Outcomes of later attempts speak for earlier ones: `duplicate` succeeded. Raises as `send` and `Sent.outcome`;
        after the last attempt `OutcomeTimeout`. An attempt is behind whatever was sent before it.
        """
        sent = self.send(command, token=token)
        for _ in range(attempts - 1):
            try:
                return sent.outcome(timeout)
            except OutcomeTimeout:
                sent = self.send(sent.command, token=token)
        return sent.outcome(timeout)

    def flush(self, timeout: float = SECONDS) -> None:
        """Returns when Kafka has said its word on every command so far. Raises `BrokerUnavailable`."""
        self._client.flush(timeout)

    def close(self) -> None:
        """Flushes and lets go of everything. Raises `BrokerUnavailable` where Kafka does not take what is left."""
        try:
            self.flush()
        finally:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._client.close()


def headers(token: str, correlation_id: str, traceparent: str) -> list[tuple[str, bytes]]:
    """The headers of a command's record; without a `traceparent` that of OpenTelemetry's current span, if there is one.

    Raises `BadInput` where there is no token.
    """
    if not token:
        raise BadInput("token", "is missing: a command needs one")
    given = {
        "authorization": f"Bearer {token}",
        "correlation-id": correlation_id,
        "traceparent": traceparent or current_traceparent(),
    }
    return [(name, value.encode()) for name, value in given.items() if value]


def _await(future: Future[T], seconds: float, complaint: str) -> T:
    try:
        return future.result(seconds)
    except TimeoutError:
        raise OutcomeTimeout(f"{complaint} within {seconds:g} s") from None
