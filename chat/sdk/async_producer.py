"""The producer for asyncio."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from chat.errors import OutcomeTimeout
from chat.privacy.sealed_command import CommandKey
from chat.sdk.client import Client
from chat.sdk.ledger import Pending
from chat.sdk.outcome import Outcome, Position
from chat.sdk.producer import SECONDS, headers
from chat.sdk.record import outgoing
from chat.settings import Settings, load

T = TypeVar("T")


class AsyncSent:
    """A command that is on its way."""

    def __init__(self, command: Mapping[str, Any], pending: Pending) -> None:
        self.command = command
        self._pending = pending

    async def position(self, seconds: float = SECONDS) -> Position:
        """As `Sent.position`."""
        return await _await(self._pending.placed, seconds, "Kafka has not acknowledged the command")

    async def outcome(self, seconds: float = SECONDS) -> Outcome:
        """As `Sent.outcome`."""
        return await _await(self._pending.outcome, seconds, "the command has no outcome")


class AsyncProducer:
    """As `Producer`, without blocking the event loop; an async context manager."""

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
        self._turn = asyncio.Lock()  # keeps the order of the calls

    async def send(
        self, command: Mapping[str, Any], *, token: str = "", correlation_id: str = "", traceparent: str = ""
    ) -> AsyncSent:
        """As `Producer.send`."""
        record = outgoing(command, self._seal_to)
        wanted = headers(token or self._token, correlation_id, traceparent)
        async with self._turn:
            pending = await asyncio.to_thread(self._client.send, record, wanted)
        return AsyncSent(record.command, pending)

    async def deliver(
        self, command: Mapping[str, Any], *, token: str = "", attempts: int = 3, seconds: float = SECONDS
    ) -> Outcome:
        """As `Producer.deliver`."""
        sent = await self.send(command, token=token)
        for _ in range(attempts - 1):
            try:
                return await sent.outcome(seconds)
            except OutcomeTimeout:
                sent = await self.send(sent.command, token=token)
        return await sent.outcome(seconds)

    async def flush(self, seconds: float = SECONDS) -> None:
        """As `Producer.flush`."""
        await asyncio.to_thread(self._client.flush, seconds)

    async def close(self) -> None:
        """As `Producer.close`."""
        try:
            await self.flush()
        finally:
            await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await asyncio.to_thread(self._client.close)


async def _await(future: Future[T], seconds: float, complaint: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(asyncio.wrap_future(future))
    except TimeoutError:
        raise OutcomeTimeout(f"{complaint} within {seconds:g} s") from None
