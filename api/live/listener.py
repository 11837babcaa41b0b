"""One stream: the thread's history from where its client left off, joined by seq to what happens from now on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from api.live import frames
from api.live.frames import End, Frame, Resync
from chat.domain.model import Message
from chat.errors import BadToken, KeyStoreUnavailable, KeysUnavailable, StorageUnavailable, TokenExpired
from chat.metrics import STREAMS_ENDED

QUEUE_BYTES = 262_144
"""What may wait for one listener; whoever is further behind is dropped, and reads on from the tables."""

HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 1.0

SecondsLeft = Callable[[], Awaitable[float]]
"""How long the caller's token still counts. Raises as `TokenVerifier.verify`."""


class Thread(Protocol):
    """What a listener asks of the thread that it listens to."""

    seq: int
    """The last message that was told to those who had caught up; it changes together with what they are told."""

    waiting: set[str]

    def read_on(self, after: int, last: int) -> AsyncIterator[list[Message]]:
        """The messages behind `after` up to `last`, page by page; those that expired left out."""
        ...

    def leave(self, listener: "Listener") -> None:
        """Tells it nothing more."""
        ...


@dataclass(eq=False)
class Listener:
    """Gets every message behind `delivered` once, in order, and every change of those it has.

    While it reads history it is told of changes only: whoever has read all that the thread has told is `joined` to the
    others in the same breath, and is told of new messages like them. As a context manager it leaves at the end.
    """

    thread: Thread
    delivered: int
    token_left: SecondsLeft
    closes_at: float
    joined: bool = False
    ended: End | None = None
    _queue: list[bytes] = field(default_factory=list)
    _queued: int = 0
    _left: float = 0.0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.thread.leave(self)
        STREAMS_ENDED.labels(self.ended or "left").inc()

    def tell(self, frame: Frame) -> None:
        """Queues a frame. Who reads history finds a new message there; who is too far behind is dropped."""
        if self.ended is not None or (frame.new and not self.joined):
            return
        if self._queue and self._queued + len(frame.raw) > QUEUE_BYTES:
            self._queue.clear()
            self.end(End.SLOW)
        else:
            self._queue.append(frame.raw)
            self._queued += len(frame.raw)
            self._emptied.clear()
            self._woken.set()

    async def emptied(self) -> None:
        """Returns when nothing waits for it any more, or it has ended."""
        if self._queue and self.ended is None:
            await self._emptied.wait()

    def resync(self) -> None:
        """Tells the client to read again what it shows."""
        self.tell(self._resync())

    def end(self, why: End) -> None:
        """Ends the stream when what is queued has been sent; the first reason counts."""
        self.ended = self.ended or why
        self._woken.set()
        self._emptied.set()

    async def stream(self) -> AsyncGenerator[bytes]:
        """All that the client is sent, until the end."""
        yield self._resync().raw
        async for page in self._history():
            yield page
        while self.ended is None:
            if chunk := await self._next():
                yield chunk
        yield self._take() + frames.end(self.ended)

    def _resync(self) -> Frame:
        return frames.resync(Resync(self.thread.seq, self.thread.seq if self.joined else self.delivered))

    async def _history(self) -> AsyncIterator[bytes]:
        """What the others have been told already. Between its last look and `joined` nothing else runs."""
        away = False
        while self.delivered < self.thread.seq and not await self._is_over():
            try:
                async for page in self._pages(self.thread.seq):
                    yield page
            except (StorageUnavailable, KeyStoreUnavailable):
                if not away:
                    yield frames.waiting(self.thread.waiting | {"cassandra"}).raw
                away = True
                await asyncio.sleep(RETRY_SECONDS)
        if away:
            self.tell(frames.waiting(self.thread.waiting))
        self.joined = True

    async def _pages(self, last: int) -> AsyncIterator[bytes]:
        async for page in self.thread.read_on(self.delivered, last):
            if page:
                yield b"".join(frames.new_message(one).raw for one in page)
                self.delivered = page[-1].seq
            if await self._is_over():
                return
        self.delivered = last

    async def _next(self) -> bytes:
        """What was told meanwhile, or a heartbeat where that is nothing."""
        if await self._is_over():
            return b""
        try:
            async with asyncio.timeout(min(HEARTBEAT_SECONDS, self._left)):
                await self._woken.wait()
        except TimeoutError:
            return frames.HEARTBEAT if self._left > HEARTBEAT_SECONDS else b""
        return self._take()

    def _take(self) -> bytes:
        taken = b"".join(self._queue)
        self._queue.clear()
        self._queued = 0
        self._woken.clear()
        self._emptied.set()
        return taken

    async def _is_over(self) -> bool:
        """Whether the stream has ended, or ends now, because its time or its token's is over."""
        try:
            token_left = await self.token_left()
        except TokenExpired:
            self.end(End.TOKEN_EXPIRED)
        except BadToken:
            self.end(End.UNAUTHENTICATED)
        except (KeysUnavailable, StorageUnavailable):
            token_left = RETRY_SECONDS  # nobody can tell now
        if self.ended is not None:
            return True
        stream_left = self.closes_at - asyncio.get_running_loop().time()
        if stream_left <= 0:
            self.end(End.RENEW)
        self._left = min(token_left, stream_left)
        return self.ended is not None
