"""What the owner of partitions holds of their learners: threads' states and which ids are taken.

One worker at a time owns a learner, so what it has loaded or written is the truth until the partition moves on; then
all of it is dropped. Ids are kept as 64-bit hashes, some 70 bytes each: a hash that is not there proves that an id is
new, one that is there asks the store. The least recently used learners leave first.
"""

from collections import OrderedDict

from chat.domain.model import LearnerId, Thread, ThreadKey
from chat.storage.store import Ids, LoadedThread

MAX_ENTRIES = 400_000
"""Ids and threads held in a process, about 60 MB."""

_THREAD_WEIGHT = 10


class KnownIds:
    """Ids that may be taken."""

    __slots__ = ("_complete", "_hashes")

    def __init__(self, ids: Ids) -> None:
        self._complete = ids.complete
        self._hashes = {hash(one) for one in ids.taken} if ids.complete else set()

    def __len__(self) -> int:
        return len(self._hashes)

    def may_hold(self, one: str) -> bool:
        """False proves that the id is new."""
        return not self._complete or hash(one) in self._hashes

    def add(self, one: str) -> None:
        """Notes an id as taken."""
        if self._complete:
            self._hashes.add(hash(one))


class ThreadMemory:
    """A thread's state, None where there is no such thread, and its message ids."""

    __slots__ = ("messages", "thread")

    def __init__(self, loaded: LoadedThread) -> None:
        self.thread: Thread | None = loaded.thread
        self.messages = KnownIds(loaded.messages)


class LearnerMemory:
    """A learner's command ids and those of its threads that were touched."""

    __slots__ = ("commands", "threads")

    def __init__(self, commands: Ids) -> None:
        self.commands = KnownIds(commands)
        self.threads: dict[str, ThreadMemory] = {}

    def weight(self) -> int:
        """How much of the memory's bound it takes."""
        messages = sum(len(one.messages) + _THREAD_WEIGHT for one in self.threads.values())
        return len(self.commands) + messages + _THREAD_WEIGHT


class Memory:
    """The learners of one lane, `share` entries at most."""

    def __init__(self, share: int = MAX_ENTRIES) -> None:
        self._share = share
        self._learners: OrderedDict[LearnerId, LearnerMemory] = OrderedDict()
        self._weights: dict[LearnerId, int] = {}
        self._total = 0

    def __contains__(self, learner: LearnerId) -> bool:
        return learner in self._learners

    def __getitem__(self, learner: LearnerId) -> LearnerMemory:
        return self._learners[learner]

    def knows(self, key: ThreadKey) -> bool:
        """True where the thread's state is here, also where that is that there is none."""
        held = self._learners.get(key.learner)
        return held is not None and key.thread_id in held.threads

    def add_learner(self, learner: LearnerId, commands: Ids) -> None:
        """Keeps what was loaded of a learner."""
        self._learners[learner] = LearnerMemory(commands)

    def add_thread(self, key: ThreadKey, loaded: LoadedThread) -> None:
        """Keeps what was loaded of a thread; its learner must be here."""
        self._learners[key.learner].threads[key.thread_id] = ThreadMemory(loaded)

    def forget(self, learner: LearnerId) -> None:
        """Lets go of a life that is over, or of which nothing may be known yet. Never while a chunk is judged."""
        self._learners.pop(learner, None)
        self._total -= self._weights.pop(learner, 0)

    def settle(self, touched: set[LearnerId]) -> None:
        """Weighs the learners that a chunk touched and lets the least recently used go. Never during a chunk."""
        for learner in touched:
            self._learners.move_to_end(learner)
            weight = self._learners[learner].weight()
            self._total += weight - self._weights.get(learner, 0)
            self._weights[learner] = weight
        while self._total > self._share and len(self._learners) > 1:
            learner, _ = self._learners.popitem(last=False)
            self._total -= self._weights.pop(learner)
