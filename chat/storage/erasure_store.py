"""What an erasure reads and removes: lives, the rows of one life, the chain of receipts, and legal holds.

`chat.storage.cassandra_erasure`, `chat.storage.receipts` and `chat.storage.lives` have them in Cassandra; one suite of
tests is run against those and against what the tests keep in memory.
"""

from collections.abc import AsyncIterator, Collection
from typing import NamedTuple, Protocol

from chat.domain.model import LearnerId, Life, ThreadKey
from chat.storage.lives import KeptLife, WrappedKey


class ThreadMark(NamedTuple):
    """That a user has read a thread."""

    thread_id: str
    user_id: str


class Extent(NamedTuple):
    """How much is kept: `messages` counts ids, those of expired messages too, whose keys may still be in Kafka."""

    threads: int = 0
    messages: int = 0
    marks: int = 0
    commands: int = 0


class LifeStore(Protocol):
    """The lives of learners; see `chat.storage.lives`. Every method raises `StorageUnavailable`."""

    async def read(self, subjects: Collection[bytes]) -> list[KeptLife | None]:
        """The latest life of each."""
        ...

    async def begin(self, subject: bytes, life: Life, key: WrappedKey | None) -> bool:
        """Begins a life, unless one of that generation was begun or ended before."""
        ...

    async def end(self, subject: bytes, generation: int) -> None:
        """Ends a life and destroys its key."""
        ...

    async def fence(self, subject: bytes, generation: int, position: int) -> None:
        """Notes where an ended life has its fence."""
        ...


class LifeRows(Protocol):
    """The rows of a life that is over. Every method raises `StorageUnavailable`, and may then be called again."""

    def threads(self, learner: LearnerId) -> AsyncIterator[list[str]]:
        """Page by page, every thread id that the life has ever claimed, those of deleted threads too."""
        ...

    def messages(self, key: ThreadKey) -> AsyncIterator[list[str]]:
        """Page by page, every message id of a thread."""
        ...

    def marks(self, learner: LearnerId) -> AsyncIterator[list[ThreadMark]]:
        """Page by page, every mark of the life."""
        ...

    async def commands(self, learner: LearnerId) -> int:
        """How many commands of the life are remembered."""
        ...

    async def left(self, key: ThreadKey) -> int:
        """How many rows of a thread there are."""
        ...

    async def left_of(self, learner: LearnerId) -> int:
        """How many rows of the life there are that belong to no one thread."""
        ...

    async def purge_thread(self, key: ThreadKey) -> None:
        """Removes every row of a thread but that its id is taken, which no longer tells whose it was."""
        ...

    async def purge_learner(self, learner: LearnerId) -> None:
        """Removes the rows of the life that belong to no one thread, but not the list of its threads."""
        ...

    async def forget_threads(self, learner: LearnerId) -> None:
        """Removes the list of the life's threads: the last of it."""
        ...


class Link(NamedTuple):
    """A receipt in its tenant's chain, numbered from 1; `document` is its whole text."""

    number: int
    request_id: str
    document: str


class ReceiptChain(Protocol):
    """The receipts of each tenant. Every method raises `StorageUnavailable`, and may then be called again."""

    async def last(self, tenant_id: str) -> Link | None:
        """The latest receipt."""
        ...

    async def add(self, tenant_id: str, link: Link) -> Link:
        """Puts a receipt at its number unless that is taken: the one that is there then, this or the other."""
        ...


class Holds(Protocol):
    """Legal holds. Every method raises `StorageUnavailable`, and may then be called again."""

    async def hold_on(self, subject: bytes) -> str | None:
        """The reason code of the hold on a learner, None where there is none."""
        ...

    async def hold(self, subject: bytes, reason: str, generation: int) -> bool:
        """Puts a hold on a learner in the life of that generation; False where it comes too late, see `close`."""
        ...

    async def release(self, subject: bytes) -> None:
        """Takes it away."""
        ...

    async def close(self, subject: bytes, generation: int) -> bool:
        """From now on a hold on the life of that generation comes too late; False where one is on the learner."""
        ...
