"""Rooms over a history in memory, and what the topic says of it, for tests of live streams that do no I/O."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import schemas
from api.live.events import Record
from api.live.listener import Listener
from api.live.rooms import Rooms
from chat.domain.events import Cause, Event, message_created, message_deleted, message_updated, thread_deleted
from chat.domain.model import Message, ThreadKey
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import key_of, message_at, shown_thread
from tests.records import NOW, uid
from tests.sse import Sse, parse
from tests.wait import until_async


async def for_ever() -> float:
    """A token that does not expire."""
    return 3600.0


@dataclass
class World:
    """One thread that somebody writes to. Rows come first, then events, which `said` keeps until they are heard."""

    history: MemoryHistory = field(default_factory=MemoryHistory)
    key: ThreadKey = field(default_factory=lambda: key_of(1))
    rows: list[Message] = field(default_factory=list)
    said: list[Record] = field(default_factory=list)

    async def begin(self, messages: int = 0) -> "World":
        await self._count()
        for _ in range(messages):
            await self.post()
        self.said.clear()
        return self

    async def post(self, content: str = "word") -> None:
        """A message: its row, then the thread's last seq, then its event."""
        self.rows.append(message_at(len(self.rows) + 1, content=content))
        await self.history.put_message(self.key, self.rows[-1])
        await self._count()
        self._say(message_created(self._cause, self.rows[-1]))

    async def edit(self, seq: int, content: str) -> None:
        await self._put(self.rows[seq - 1]._replace(content=content))
        self._say(message_updated(self._cause, self.rows[seq - 1]))

    async def delete(self, seq: int) -> None:
        await self._put(self.rows[seq - 1]._replace(content=None, deleted_at=NOW))
        self._say(message_deleted(self._cause, self.rows[seq - 1], "teacher-1"))

    async def delete_thread(self) -> None:
        await self.history.delete_thread(self.key)
        self._say(thread_deleted(self._cause, self.key.thread_id, "admin-1"))

    @property
    def _cause(self) -> Cause:
        return Cause(*self.key.learner.learner, uid(3, len(self.said)), NOW)

    def _say(self, event: Event) -> None:
        form = schemas.Format.AVRO if len(self.said) % 2 else schemas.Format.JSON
        self.said.append(Record(event.key.encode(), schemas.encode(event.type, event.fields, form), NOW))

    async def _put(self, row: Message) -> None:
        self.rows[row.seq - 1] = row
        await self.history.put_message(self.key, row)

    async def _count(self) -> None:
        await self.history.put_thread(self.key, shown_thread(1, len(self.rows)))


@dataclass
class Client:
    """Reads a listener's stream by itself, or only when it is told to."""

    listener: Listener
    raw: str = ""
    task: "asyncio.Task[None] | None" = None

    async def read(self) -> None:
        """To the end, whatever becomes of it."""
        with self.listener:
            async for chunk in self.listener.stream():
                self.raw += chunk.decode()

    def start(self) -> "Client":
        self.task = asyncio.create_task(self.read())
        return self

    async def stop(self) -> None:
        """The connection ends."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})

    @property
    def seen(self) -> list[Sse]:
        return parse(self.raw)

    def named(self, event: str) -> list[dict[str, object]]:
        return [one.data for one in self.seen if one.event == event]

    async def until(self, condition: Callable[["Client"], object]) -> None:
        await until_async(lambda: condition(self), 5, "what the client waits for")


async def connect(
    rooms: Rooms,
    key: ThreadKey,
    after: int | None = None,
    left: Callable[[], Awaitable[float]] = for_ever,
    *,
    followed: bool = True,
) -> Client:
    """A client that reads; its thread's events are followed at once."""
    following = asyncio.create_task(_follow(rooms)) if followed else None
    try:
        client = Client(await rooms.listen(key, after, left)).start()
        await asyncio.sleep(0)  # it reads
        return client
    finally:
        if following is not None:
            following.cancel()


async def _follow(rooms: Rooms) -> None:
    await rooms.somebody()
    rooms.followed(rooms.learners(), ())
