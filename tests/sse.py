"""A client of live streams that knows server-sent events and the contract, and nothing of this project's code."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import httpx

from tests.wait import PAUSE

FAULTS = (httpx.TransportError, httpx.StreamError)


class Sse(NamedTuple):
    """An event; `data` is read as JSON."""

    event: str
    data: Any
    id: str | None = None

    def as_sent(self) -> dict[str, str | None]:
        """Its fields as text."""
        return {**self._asdict(), "data": json.dumps(self.data)}

    @classmethod
    def of(cls, block: str) -> Self | None:
        """The event that a block of lines is; None for a comment."""
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        return cls(fields["event"], json.loads(fields["data"]), fields.get("id")) if "data" in fields else None


def parse(text: str) -> list[Sse]:
    """Every event of a whole stream."""
    return [event for block in text.split("\n\n") if block and (event := Sse.of(block))]


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Sse]:
    """Events as they come."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            if event := Sse.of(block.decode()):
                yield event


def seqs(seen: Iterable[Sse]) -> list[int]:
    """The ids of new messages, in the order in which they came."""
    return [int(one.id or 0) for one in seen if one.event == "message"]


@dataclass
class Watcher:
    """Listens to a thread, and connects again with its `Last-Event-ID` whenever the connection ends.

    `last` is None for a client that has nothing yet and reads no history by this way.
    """

    http: httpx.AsyncClient
    thread_id: str
    last: str | None = "0"
    seen: list[Sse] = field(default_factory=list)
    connects: int = 0
    statuses: list[int] = field(default_factory=list)

    async def run(self) -> None:
        """Until an answer that is neither success nor 503, or until it is cancelled."""
        while not self.statuses or self.statuses[-1] in {200, 503}:
            with contextlib.suppress(*FAULTS):
                await self.once()
            await asyncio.sleep(PAUSE)

    async def once(self) -> None:
        """One connection, to its end."""
        headers = {} if self.last is None else {"last-event-id": self.last}
        async with self.http.stream("GET", f"/api/v1/threads/{self.thread_id}/stream", headers=headers) as answer:
            self.statuses.append(answer.status_code)
            self.connects += answer.is_success
            async for event in events(answer.aiter_bytes()):
                if answer.is_success:
                    self.seen.append(event)
                    self.last = event.id or self.last

    def named(self, event: str) -> list[Any]:
        """What came under that name."""
        return [one.data for one in self.seen if one.event == event]
