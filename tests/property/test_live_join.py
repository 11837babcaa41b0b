"""A live stream, whatever the order of rows, events and connections: every message once, in order, nothing missed."""

import asyncio
from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from api.live import room
from api.live.events import Record
from api.live.rooms import Rooms
from chat.domain.model import Message, ThreadKey
from chat.storage.memory_reads import MemoryHistory
from tests.live import Client, World, connect
from tests.sse import Sse, seqs

LISTENERS = 3
PAGE = 2
TURNS = 200
"""Turns of the loop in which everything that can happen has happened."""

KINDS = {
    "post": st.integers(1, 3),
    "edit": st.integers(1, 6),
    "delete": st.integers(1, 6),
    "hear": st.integers(1, 4),
    "repeat": st.integers(1, 10),
    "connect": st.integers(0, LISTENERS - 1),
    "turn": st.integers(1, 12),
}
BREAKS = {"break": st.integers(0, LISTENERS - 1), "restart": st.just(0)}


def steps(kinds: dict[str, st.SearchStrategy[int]]) -> st.SearchStrategy[list[tuple[str, int]]]:
    """What may happen, in any order."""
    return st.lists(
        st.one_of(*(st.tuples(st.just(kind), number) for kind, number in kinds.items())), min_size=12, max_size=40
    )


delays = st.lists(st.integers(0, 3), min_size=1, max_size=7)
"""Turns that each answer of the history takes, over and over."""


class SlowHistory(MemoryHistory):
    """Answers as the rows were when it was asked or are when it answers, a few turns of the loop later."""

    def __init__(self, delays: list[int]) -> None:
        super().__init__()
        self._delays = delays
        self._asked = 0

    async def last_seq(self, key: ThreadKey) -> int | None:
        found = await super().last_seq(key)
        await self._wait()
        return found

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        await self._wait()
        found = await super().messages(key, first, last)
        await self._wait()
        return found

    async def _wait(self) -> None:
        self._asked += 1
        await turns(self._delays[self._asked % len(self._delays)])


async def turns(number: int) -> None:
    """Lets everything else go on."""
    for _ in range(number):
        await asyncio.sleep(0)


@dataclass
class Reader:
    """A client over all of its connections."""

    last: int = 0
    seen: list[Sse] = field(default_factory=list)
    client: Client | None = None

    async def breaks(self) -> None:
        if self.client is not None:
            await self.client.stop()
            got, self.client = self.client.seen, None
            self.seen += got
            self.last = max([self.last, *seqs(got)])


@dataclass
class Scene:
    """A world, a process that may be started anew, and its readers."""

    world: World
    rooms: Rooms
    heard: list[Record] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=lambda: [Reader() for _ in range(LISTENERS)])

    async def do(self, step: str, number: int) -> None:
        await getattr(self, f"_{step}")(number)

    async def settle(self) -> None:
        """Everybody listens, all is heard, and nothing is left to happen."""
        for number in range(LISTENERS):
            await self._connect(number)
        await self._hear(len(self.world.said))
        await turns(TURNS)
        for reader in self.readers:
            await reader.breaks()

    async def _post(self, number: int) -> None:
        for _ in range(number):
            await self.world.post(f"message {len(self.world.rows) + 1}")

    async def _edit(self, seq: int) -> None:
        if seq <= len(self.world.rows) and self.world.rows[seq - 1].content is not None:
            await self.world.edit(seq, f"edited at {len(self.world.said)}")

    async def _delete(self, seq: int) -> None:
        if seq <= len(self.world.rows):
            await self.world.delete(seq)

    async def _hear(self, number: int) -> None:
        for record in self.world.said[:number]:
            self.rooms.hear(record)
            self.heard.append(record)
        del self.world.said[:number]

    async def _repeat(self, number: int) -> None:
        """A worker that was killed says its last events once more, in their order."""
        for record in self.heard[-number:]:
            self.rooms.hear(record)

    async def _connect(self, number: int) -> None:
        reader = self.readers[number]
        if reader.client is None:
            reader.client = await connect(self.rooms, self.world.key, reader.last)

    async def _break(self, number: int) -> None:
        await self.readers[number].breaks()

    async def _restart(self, _number: int) -> None:
        """Another process, which hears nothing of what was said before."""
        for reader in self.readers:
            await reader.breaks()
        self.rooms = Rooms(self.world.history, LISTENERS, 3600)
        self.world.said.clear()

    async def _turn(self, number: int) -> None:
        await turns(number)


async def play(happens: list[tuple[str, int]], delayed: list[int]) -> Scene:
    history = SlowHistory(delayed)
    scene = Scene(await World(history).begin(), Rooms(history, LISTENERS, 3600))
    with patch.object(room, "PAGE", PAGE):
        for step, number in happens:
            await scene.do(step, number)
        await scene.settle()
    return scene


@given(steps(KINDS | BREAKS), delays)
@settings(max_examples=100, deadline=None)
def test_everybody_sees_every_message_once_in_order(happens: list[tuple[str, int]], delayed: list[int]) -> None:
    """1 … n over all connections of each, though events are late, repeated or never heard, and history is slow."""
    scene = asyncio.run(play(happens, delayed))
    for reader in scene.readers:
        assert seqs(reader.seen) == list(range(1, len(scene.world.rows) + 1))


@given(steps(KINDS), delays)
@settings(max_examples=100, deadline=None)
def test_whoever_stays_has_what_the_rows_have(happens: list[tuple[str, int]], delayed: list[int]) -> None:
    """A client that lays every event over what it has shows the thread as it is."""
    scene = asyncio.run(play([*(("connect", number) for number in range(LISTENERS)), *happens], delayed))
    rows = {one.seq: one.content for one in scene.world.rows}
    for reader in scene.readers:
        assert {one.data["seq"]: one.data["content"] for one in reader.seen if "seq" in one.data} == rows
