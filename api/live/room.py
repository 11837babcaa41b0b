"""One thread that somebody listens to: an event is a notice, the row is the truth.

Whatever an event says, the thread's last seq and the changed rows are read, once for all who listen. So it does not
matter in which format events are, whether their words are sealed, or how often one is repeated.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import structlog

from api.live import frames
from api.live.frames import End
from api.live.listener import QUEUE_BYTES, Listener
from api.paging import Step, read_page
from chat.domain.model import Message, ThreadKey
from chat.errors import KeyStoreUnavailable, NotVisible, StorageUnavailable
from chat.storage.history import History

PAGE = 100
POSITION_SECONDS = 2.0
"""How long a new room waits until its events are followed; after that its listeners are told to read again later."""

BREATH_BYTES = QUEUE_BYTES // 4
BREATH_SECONDS = 0.25
"""After so many bytes of a burst it waits so long at most for those who take all that comes: they are not slow."""

RETRY_SECONDS = 1.0

_log = structlog.get_logger()


class Notice(NamedTuple):
    """What an event says of a thread: that a message is new, or that the one with `changed` is not what it was."""

    new: int = 0
    changed: int = 0
    ended: End | None = None


class Room:
    """A thread with its listeners."""

    def __init__(self, history: History, key: ThreadKey, left: "Callable[[Room], None]") -> None:
        """`left` is called whenever a listener has left."""
        self.key = key
        self.seq = 0
        self.guests = 0
        """Who listens, and who waits for it to open."""
        self.waiting: set[str] = set()
        self.listeners: set[Listener] = set()
        self.ended: End | None = None
        self._history = history
        self._left = left
        self._changed: set[int] = set()
        self._followed = asyncio.Event()
        self._called = asyncio.Event()
        self._opening = asyncio.create_task(self._open())
        self._keeping = asyncio.create_task(self._keep())

    async def opened(self) -> None:
        """Returns when it knows how far the thread is. Raises `NotVisible` or `StorageUnavailable`."""
        await asyncio.shield(self._opening)

    def close(self) -> None:
        """Looks after nobody any more."""
        self._opening.cancel()
        self._keeping.cancel()

    async def _open(self) -> None:
        """The seq is read when the thread's events are followed, so none falls in between."""
        if not self.waiting:
            try:
                await asyncio.wait_for(self._followed.wait(), POSITION_SECONDS)
            except TimeoutError:
                self.waiting.add("kafka")
        last_seq = await self._history.last_seq(self.key)
        if last_seq is None:
            raise NotVisible
        self.seq = last_seq

    def heard(self) -> None:
        """Every event of it is heard."""
        self._followed.set()
        self.say_waiting("kafka", away=False)

    def resync(self) -> None:
        """Some events may not have been heard, so who listens already reads again."""
        for one in self.listeners:
            one.resync()
        self._called.set()

    def hear(self, notice: Notice) -> None:
        """Takes a notice; it may be a repeated one."""
        if notice.ended is not None:
            self.end(notice.ended)
        if notice.changed:
            self._changed.add(notice.changed)
        if notice.changed or notice.new > self.seq:
            self._called.set()

    def say_waiting(self, server: str, *, away: bool) -> None:
        """Says which servers are away, where that changed."""
        before = set(self.waiting)
        (self.waiting.add if away else self.waiting.discard)(server)
        if self.waiting != before:
            self._tell(frames.waiting(self.waiting))

    def end(self, why: End) -> None:
        """Ends every stream of it; the first reason counts."""
        self.ended = self.ended or why
        for one in self.listeners:
            one.end(why)

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        self._left(self)

    async def read_on(self, after: int, last: int) -> AsyncIterator[list[Message]]:
        step: Step | None = Step(newer=True, bound=after) if after < last else None
        while step is not None:
            page = await read_page(self._history, self.key, last, step, PAGE)
            yield page.items
            step = page.newer

    async def _keep(self) -> None:
        """Tells the listeners what happens, until it is cancelled or nothing can happen any more."""
        try:
            await self._opening
            while self.ended is None:
                await self._serve()
        except (NotVisible, StorageUnavailable, KeyStoreUnavailable):
            return  # it never opened: who waited for that is told
        except Exception as error:  # noqa: BLE001 - whatever it is, every stream of the thread ends with it
            _log.error("stream_failed", error=type(error).__name__)
            self.end(End.FAILED)

    async def _serve(self) -> None:
        """Looks once when it is called."""
        await self._called.wait()
        self._called.clear()
        changed, self._changed = self._changed, set()
        try:
            await self._look(changed)
        except (StorageUnavailable, KeyStoreUnavailable):
            self._changed |= changed
            self._called.set()
            self.say_waiting("cassandra", away=True)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            self.say_waiting("cassandra", away=False)

    async def _look(self, changed: set[int]) -> None:
        last_seq = await self._history.last_seq(self.key)
        if last_seq is None:
            self.end(await self._why_gone())
        else:
            await self._tell_all(last_seq, changed)

    async def _tell_all(self, last_seq: int, changed: set[int]) -> None:
        known, told = self.seq, 0
        async for page in self.read_on(known, last_seq):
            for one in page:
                frame, self.seq = frames.new_message(one), one.seq
                self._tell(frame)
                told += len(frame.raw)
                if told >= BREATH_BYTES:
                    told = 0
                    await self._breathe()
        self.seq = max(self.seq, last_seq)
        for seq in sorted(one for one in changed if one <= known):
            for one in await self._history.messages(self.key, seq, seq):
                self._tell(frames.changed_message(one))

    async def _breathe(self) -> None:
        taking = [asyncio.ensure_future(one.emptied()) for one in self.listeners]
        if taking:
            _, slow = await asyncio.wait(taking, timeout=BREATH_SECONDS)
            for one in slow:
                one.cancel()

    async def _why_gone(self) -> End:
        learner = self.key.learner
        life = await self._history.learner(*learner.learner)
        return End.THREAD_DELETED if life == learner else End.LEARNER_ERASED

    def _tell(self, frame: frames.Frame) -> None:
        for one in self.listeners:
            one.tell(frame)
