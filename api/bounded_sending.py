"""Answers that are sent for long: what their client does not take in time is broken off, and is in no memory then."""

import asyncio
from contextlib import aclosing
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from chat.errors import BadToken, BundleGone, NotTaken, Transient

SEND_SECONDS = 30.0
"""A client that takes nothing for so long is gone; its connection is broken off."""

BREAK_OFF = "break_off"
"""In the state of a request's scope: ends its connection at once, with all that waits in it to be sent."""

_log = structlog.get_logger()


class BoundedSending(StreamingResponse):
    """Sends what an async generator gives, which is closed then however it ends.

    Where that raises what is no fault of the service's, or a piece is not taken in time, the connection is broken off:
    its client sees that the answer is not whole. Closing it would not do: what waits in it would wait on.
    """

    body_iterator: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await send(message)
            except TimeoutError:
                self.not_taken()
                raise NotTaken("the client takes nothing") from None

        async with aclosing(self.body_iterator):
            try:
                await super().__call__(scope, receive, sending)
            except (NotTaken, BadToken, BundleGone, Transient) as error:
                _log.info("answer_broken_off", reason=type(error).__name__)
                _break_off(scope)

    def not_taken(self) -> None:
        """Called where a piece is not taken in time; for who has to tell somebody."""


def _break_off(scope: Scope) -> None:
    """A server that knows no way to do so closes what is not whole by itself."""
    if break_off := scope.get("state", {}).get(BREAK_OFF):
        break_off()
