"""What the worker reads and writes: threads' states, what is remembered of commands, and the rows of a chunk.

`Store` is the seam between the way of a command and Cassandra; `chat.storage.memory` holds the one that lives in a
process's memory, and one test suite is run against both.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, Self

from chat.domain.model import Learner, LearnerId, Life, Message, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.storage.writes import CommandWrite, EventKeys, MarkWrite, MessageWrite, ThreadWrite

FEW_IDS = 64
"""Ids of a thread or learner that are read into memory on first touch, so that it costs the same whatever lies there;
where there are more, each is looked up."""

MANY_IDS = 2_000
"""Ids that are read where many were looked up; where there are more, each is looked up for good."""

REMEMBERED_SECONDS = 30 * 86_400
"""How long a command that makes nothing new is remembered."""

IN_LIMIT = 100
"""Ids asked for in one query."""


MessageKey = tuple[ThreadKey, int]
"""A message's thread and seq."""

MarkKey = tuple[ThreadKey, str]
"""A thread and a user who reads it."""

Retention = Callable[[str], int]
"""Seconds that a tenant's messages are kept."""


class Ids(NamedTuple):
    """Ids that are taken; `complete` where there are no others."""

    taken: frozenset[str]
    complete: bool

    @classmethod
    def found(cls, taken: Iterable[str], most: int) -> Self:
        """Of what came when `most` and one more were asked for."""
        ids = frozenset(islice(taken, most + 1))
        return cls(ids, len(ids) <= most)


class LoadedThread(NamedTuple):
    """A thread as it is stored: None where there is none; `messages` are message ids of it."""

    thread: Thread | None
    messages: Ids


class Gone(NamedTuple):
    """Threads that were `deleted`, and those of lives that are over, `erased`."""

    deleted: set[ThreadKey]
    erased: set[ThreadKey]


class Store(Protocol):
    """Every method raises `StorageUnavailable` when the store does not answer, and may then be called again; so it may
    after `KeyStoreUnavailable`, where a key is not at hand.
    """

    async def load_lives(self, learners: Collection[Learner]) -> dict[Learner, Life]:
        """Each one's latest life, as it was a minute ago at most."""
        ...

    def forget_life(self, learner: Learner) -> None:
        """For who knows that a learner's life has changed: it is looked up anew."""
        ...

    def forget_lives(self) -> None:
        """For who may have missed that lives changed: all of them are looked up anew."""
        ...

    async def load_threads(self, keys: Collection[ThreadKey], ids: int = FEW_IDS) -> dict[ThreadKey, LoadedThread]:
        """Each thread's state, with so many of its message ids."""
        ...

    async def load_messages(self, keys: Collection[ThreadKey], ids: int = MANY_IDS) -> dict[ThreadKey, Ids]:
        """So many of the message ids of each thread."""
        ...

    async def gone(self, keys: Collection[ThreadKey]) -> Gone:
        """Those of which no word may stand anywhere, as of now."""
        ...

    async def load_commands(self, learners: Collection[LearnerId], ids: int = FEW_IDS) -> dict[LearnerId, Ids]:
        """So many of the command ids of each learner that are remembered."""
        ...

    async def find_commands(
        self, wanted: Mapping[LearnerId, Collection[str]]
    ) -> dict[tuple[LearnerId, str], Remembered]:
        """What is remembered of these commands; nothing where nothing is."""
        ...

    async def find_messages(self, wanted: Mapping[ThreadKey, Collection[str]]) -> dict[tuple[ThreadKey, str], int]:
        """The seq of these messages; nothing where there is none."""
        ...

    async def read_messages(self, wanted: Collection[MessageKey]) -> dict[MessageKey, Message]:
        """These messages, husks too; nothing where there is none any more."""
        ...

    async def read_marks(self, wanted: Collection[MarkKey]) -> dict[MarkKey, int]:
        """How far these users have read these threads; nothing where nothing is kept."""
        ...

    async def claim(self, key: ThreadKey) -> bool:
        """Takes a thread id in its tenant, once and for all: True where it is this learner's now or was before."""
        ...

    async def write_messages(
        self, messages: Sequence[MessageWrite], commands: Sequence[CommandWrite], marks: Sequence[MarkWrite] = ()
    ) -> None:
        """Writes messages, marks and what is remembered of commands; a post is beyond `last_seq`, unseen as yet."""
        ...

    async def commit(self, threads: Sequence[ThreadWrite]) -> None:
        """The commit point: each thread's state and its message ids, in one batch of one partition."""
        ...

    async def write_list(self, threads: Sequence[ThreadWrite]) -> None:
        """Shows the threads' new states in their learners' lists; a deleted one leaves it."""
        ...

    def event_keys(self, key: ThreadKey) -> AsyncIterator[EventKeys]:
        """Page by page, what a thread has put on the events."""
        ...

    async def purge(self, key: ThreadKey, thread: Thread, users: Sequence[str]) -> None:
        """Removes a deleted thread's messages, message ids and marks, dated as the deletion; its state stays."""
        ...
