"""Every thread that somebody listens to in this process, and what of the topic is for whom."""

import asyncio
import random
import time
from collections.abc import Collection

import structlog

import schemas
from api.live import frames
from api.live.events import Address, Record, address_of, notice_of
from api.live.frames import End
from api.live.listener import Listener, SecondsLeft
from api.live.room import Room
from chat.domain.model import Learner, ThreadKey
from chat.errors import TooManyListeners
from chat.metrics import STREAM_DELAY, STREAM_LISTENERS, STREAM_WAITING
from chat.storage.history import History

_log = structlog.get_logger()


class Rooms:
    """Takes listeners, at most `limit`, each for at most `seconds`."""

    def __init__(self, history: History, limit: int, seconds: float) -> None:
        self._history = history
        self._limit = limit
        self._seconds = seconds
        self._rooms: dict[Address, Room] = {}
        self._unheard: set[Room] = set()
        self._learners: frozenset[Learner] | None = frozenset()
        self._somebody = asyncio.Event()
        self._kafka_away = False
        self._guests = 0
        self._closed = False

    async def listen(self, key: ThreadKey, after: int | None, token_left: SecondsLeft) -> Listener:
        """A listener to a thread, from behind the message `after` on, or from now on. It must be entered and left.

        Raises `NotVisible` where the thread is not there, `TooManyListeners` and `StorageUnavailable`.
        """
        room = await self._enter(key)
        begin = room.seq if after is None else min(after, room.seq)
        closes_at = asyncio.get_running_loop().time() + self._seconds * random.uniform(0.9, 1)  # noqa: S311 - spread
        listener = Listener(room, begin, token_left, closes_at)
        room.listeners.add(listener)
        if room.waiting:
            listener.tell(frames.waiting(room.waiting))
        if room.ended is not None:
            listener.end(room.ended)
        return listener

    def close(self) -> None:
        """Ends every stream, and those that come yet."""
        self._closed = True
        for room in self._rooms.values():
            room.end(End.STOPPING)

    async def somebody(self) -> None:
        """Returns when somebody listens."""
        await self._somebody.wait()

    def learners(self) -> frozenset[Learner]:
        """Whose events are to be followed; the same object as long as they are the same."""
        if self._learners is None:
            self._learners = frozenset(room.key.learner.learner for room in self._rooms.values())
        return self._learners

    def followed(self, learners: Collection[Learner], begun: Collection[Learner]) -> None:
        """Every event of `learners` is heard; of those `begun` from now on only, so some before may not have been."""
        for room in [one for one in self._unheard if one.key.learner.learner in learners]:
            self._unheard.remove(room)
            room.heard()
        for room in self._rooms.values() if begun else ():
            if room.key.learner.learner in begun:
                room.resync()

    def waits(self, *, away: bool) -> None:
        """Whether Kafka is away."""
        if away == self._kafka_away:
            return
        self._kafka_away = away
        STREAM_WAITING.set(away)
        for room in self._rooms.values():
            room.say_waiting("kafka", away=away)

    def hear(self, record: Record) -> None:
        """Takes a record of the topic to its room, if it has one."""
        address = address_of(record.key)
        room = None if address is None else self._rooms.get(address)
        if room is None:
            return
        try:
            notice = notice_of(record)
        except schemas.CodecError:
            _log.warning("event_unreadable")  # somebody else's: every event of the service has been read back
            return
        STREAM_DELAY.observe(max(0.0, time.time() - record.timestamp / 1000))
        room.hear(notice)

    async def _enter(self, key: ThreadKey) -> Room:
        if self._guests >= self._limit:
            raise TooManyListeners(f"this process serves {self._limit} live streams already")
        room = self._rooms.get(_address(key))
        if room is None or room.ended:
            room = self._make(key)
        self._count(room, 1)
        try:
            await room.opened()
        except BaseException:
            self._left(room)
            raise
        return room

    def _make(self, key: ThreadKey) -> Room:
        room = Room(self._history, key, self._left)
        if self._kafka_away:
            room.waiting.add("kafka")
        if self._closed:
            room.end(End.STOPPING)
        self._rooms[_address(key)] = room
        self._unheard.add(room)
        self._moved()
        return room

    def _left(self, room: Room) -> None:
        self._count(room, -1)
        if not room.guests:
            room.close()
            self._unheard.discard(room)
            if self._rooms.get(_address(room.key)) is room:
                del self._rooms[_address(room.key)]
                self._moved()

    def _count(self, room: Room, more: int) -> None:
        room.guests += more
        self._guests += more
        STREAM_LISTENERS.set(self._guests)

    def _moved(self) -> None:
        """Who is listened to has changed."""
        self._learners = None
        (self._somebody.set if self._rooms else self._somebody.clear)()


def _address(key: ThreadKey) -> Address:
    return Address(key.learner.tenant_id, key.learner.learner_id, key.thread_id)
