"""What a chunk writes, as values."""

from typing import NamedTuple

from chat.domain.model import LearnerId, Message, Thread, ThreadKey
from chat.domain.verdict import Remembered


class CommandWrite(NamedTuple):
    """That a command took effect at `time` (milliseconds), written at its thread's `write_time` (microseconds)."""

    learner: LearnerId
    command_id: str
    remembered: Remembered
    write_time: int
    time: int


class MessageWrite(NamedTuple):
    """A message with its `write_time` (microseconds)."""

    key: ThreadKey
    message: Message
    write_time: int


class MarkWrite(NamedTuple):
    """How far a user has read, with its `write_time` (microseconds)."""

    key: ThreadKey
    user_id: str
    seq: int
    write_time: int


class ThreadWrite(NamedTuple):
    """A thread's new state and the messages that are new in it; `details` where those changed too."""

    key: ThreadKey
    thread: Thread
    messages: list[MessageWrite]
    details: bool


class EventKeys(NamedTuple):
    """Message ids and users whose marks are kept: what a thread has put on the events."""

    messages: list[str]
    users: list[str]
