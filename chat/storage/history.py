"""What the read side asks of the store, and in which shapes it is answered.

`chat.storage.reads` answers from Cassandra, `chat.storage.memory_reads` from a process's memory; one test suite is run
against both. Times are UTC milliseconds. A version is the time of a write in microseconds, which grows with every write
of a thread: of two states of one thing, though both be of one millisecond, it tells which one is shown.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from chat.domain.model import Details, LearnerId, Message, ThreadKey


class ShownThread(NamedTuple):
    """A thread as a reader sees it; in a list its version is not asked for, and 0."""

    thread_id: str
    details: Details
    last_seq: int
    last_activity_at: int
    version: int = 0


class ShownMessage(NamedTuple):
    """One message as a reader sees it."""

    message: Message
    version: int


class Place(NamedTuple):
    """A thread's place in its learner's list: latest activity first, then by `thread_id`."""

    last_activity_at: int
    thread_id: str

    @property
    def rank(self) -> tuple[int, str]:
        """What the list is sorted by."""
        return -self.last_activity_at, self.thread_id


class History(Protocol):
    """Every method raises `StorageUnavailable` when the store does not answer. A deleted thread is None."""

    async def owner(self, tenant_id: str, thread_id: str) -> ThreadKey | None:
        """Whose a thread id is, whether or not the thread is still there."""
        ...

    async def learner(self, tenant_id: str, learner_id: str) -> LearnerId | None:
        """A learner in the latest life; None where that is over. Of the erased everything else is None or empty."""
        ...

    async def thread(self, key: ThreadKey) -> ShownThread | None:
        """One thread."""
        ...

    async def threads(self, learner: LearnerId, limit: int, after: Place | None = None) -> list[ShownThread]:
        """The first `limit` threads of a learner's list behind `after`."""
        ...

    async def marks(self, learner: LearnerId, user_id: str, thread_ids: Collection[str]) -> dict[str, int]:
        """How far a user has read each of these threads; nothing where nothing is kept."""
        ...

    async def last_seq(self, key: ThreadKey) -> int | None:
        """The seq of a thread's last message, 0 where it has none yet; rows beyond it are not committed."""
        ...

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        """The messages `first` … `last` by seq; at most a bucket's number of them, those that expired left out."""
        ...

    async def first_kept(self, key: ThreadKey, last_seq: int, first: int = 1) -> int | None:
        """The seq of the oldest message from `first` on that has not expired; None where all up to `last_seq` have."""
        ...

    async def message(self, key: ThreadKey, message_id: str) -> ShownMessage | None:
        """One message by its id."""
        ...
