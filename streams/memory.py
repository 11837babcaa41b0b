"""What the owner of partitions holds of their learners: threads' states and which ids are taken.

One worker at a time owns a learner, so what it has loaded or written is the truth until the partition moves on; then
all of it is dropped. Ids are kept as 32-bit hashes: one that is not there proves that an id is new, one that is there
asks the store. A first touch reads few ids, whatever a thread or learner has; where those are not all, each command's
are asked for, and once that was done often, they are read. Without room the least recently used learner leaves;
where it has many ids, they leave, and it has a second chance.
"""

from array import array
from bisect import bisect_left, insort
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from chat.domain.model import LearnerId, Thread, ThreadKey
from chat.storage.store import Ids, LoadedThread
from streams.recent import RECENT_BYTES, Recent, weight_of

MEMORY_BYTES = 40 * 2**20
"""What a process may hold of learners, as `LearnerMemory.weight` counts it."""

MOST_IDS = 50_000
"""Of one thread or learner; where more come, each is asked for from then on."""

WORTH_READING = 4
"""After so many questions all ids are read, where they are not too many: that costs what two to twenty questions do."""

MANY_IDS = 0.25
"""From this share of a learner's bytes on, ids leave before it does: a first touch would not read all of them."""

_LEARNER_BYTES = 900
_THREAD_BYTES = 1_000
_ID_BYTES = 5
_HASH_BITS = 0xFFFF_FFFF


class KnownIds:
    """Ids that may be taken."""

    __slots__ = ("_complete", "_hashes", "_questions")

    def __init__(self, ids: Ids) -> None:
        self._questions = 0.0
        self._take(ids)

    def _take(self, ids: Ids) -> None:
        self._complete = ids.complete
        # Sorted, 4 bytes each: a set of integers has 70.
        self._hashes = array("I", sorted(map(_hash, ids.taken)) if ids.complete else ())

    def weight(self) -> int:
        """Bytes."""
        return len(self._hashes) * _ID_BYTES

    def may_hold(self, one: str) -> bool:
        """False proves that the id is new; True is a question for the store."""
        if self._complete:
            return self._holds(_hash(one))
        self._questions += 1
        return True

    def _holds(self, hashed: int) -> bool:
        at = bisect_left(self._hashes, hashed)
        return at < len(self._hashes) and self._hashes[at] == hashed

    @property
    def worth_reading(self) -> bool:
        """Whether it asks so often that all ids should be read."""
        return self._questions >= WORTH_READING and not self._complete

    def read(self, ids: Ids) -> None:
        """Takes what was read; where those are not all either, it is not worth reading again."""
        self._take(ids)
        self._questions = float("-inf")

    def add(self, one: str) -> None:
        """Notes an id as taken."""
        if not self._complete:
            return
        if len(self._hashes) >= MOST_IDS:
            self.let_go()
        elif not self._holds(hashed := _hash(one)):
            insort(self._hashes, hashed)

    def let_go(self) -> None:
        """From now on each is asked for."""
        self.read(Ids(frozenset(), complete=False))


def _hash(one: str) -> int:
    return hash(one) & _HASH_BITS


class ThreadMemory:
    """A thread's state, None where there is no such thread, and its message ids."""

    __slots__ = ("messages", "thread", "weighed")

    def __init__(self, loaded: LoadedThread) -> None:
        self.thread: Thread | None = loaded.thread
        self.messages = KnownIds(loaded.messages)
        self.weighed = 0

    def weight(self) -> int:
        """Bytes."""
        details = self.thread.details if self.thread else None
        words = weight_of(details.title) + weight_of(details.metadata) if details else 0
        return _THREAD_BYTES + words + self.messages.weight()


class LearnerMemory:
    """A learner's command ids and those of its threads that were touched."""

    __slots__ = ("_threads_weigh", "commands", "threads", "weighed")

    def __init__(self, commands: Ids) -> None:
        self.commands = KnownIds(commands)
        self.threads: dict[str, ThreadMemory] = {}
        self.weighed = 0
        self._threads_weigh = 0

    def weigh(self, touched: Iterable[str]) -> int:
        """How many bytes more it has, about, than when it was weighed last; `touched` are the threads that changed."""
        for one in (self.threads[thread_id] for thread_id in touched if thread_id in self.threads):
            before, one.weighed = one.weighed, one.weight()
            self._threads_weigh += one.weighed - before
        before, self.weighed = self.weighed, _LEARNER_BYTES + self.commands.weight() + self._threads_weigh
        return self.weighed - before

    def let_ids_go(self) -> int:
        """How many bytes it has less without them; 0 where they are few, and stay."""
        known = [self.commands, *(one.messages for one in self.threads.values())]
        if sum(one.weight() for one in known) < MANY_IDS * self.weighed:
            return 0
        for one in known:
            one.let_go()
        return -self.weigh(self.threads)


class Memory:
    """The learners of one lane, `share` bytes at most, and what it wrote a moment ago."""

    def __init__(self, share: int = MEMORY_BYTES, recent: int = RECENT_BYTES) -> None:
        self._share = share
        self.recent = Recent(recent)
        self._learners: OrderedDict[LearnerId, LearnerMemory] = OrderedDict()
        self._total = 0

    def __contains__(self, learner: LearnerId) -> bool:
        return learner in self._learners

    def __getitem__(self, learner: LearnerId) -> LearnerMemory:
        return self._learners[learner]

    def knows(self, key: ThreadKey) -> bool:
        """True where the thread's state is here, also where that is that there is none."""
        held = self._learners.get(key.learner)
        return held is not None and key.thread_id in held.threads

    def thread(self, key: ThreadKey) -> ThreadMemory:
        """What is known of a thread. Raises KeyError where it is not known."""
        return self._learners[key.learner].threads[key.thread_id]

    def add_learner(self, learner: LearnerId, commands: Ids) -> None:
        """Keeps what was loaded of a learner."""
        self._learners[learner] = LearnerMemory(commands)

    def add_thread(self, key: ThreadKey, loaded: LoadedThread) -> None:
        """Keeps what was loaded of a thread; its learner must be here."""
        self._learners[key.learner].threads[key.thread_id] = ThreadMemory(loaded)

    def forget(self, learner: LearnerId) -> None:
        """Lets go of a life that is over, or of which nothing may be known yet. Never while a chunk is judged."""
        self._drop(learner)
        self.recent.forget(learner)

    def _drop(self, learner: LearnerId) -> None:
        held = self._learners.pop(learner, None)
        self._total -= held.weighed if held else 0

    def settle(self, touched: Iterable[ThreadKey]) -> None:
        """Weighs what a chunk touched and lets the least recently used go. Never during a chunk."""
        threads: defaultdict[LearnerId, set[str]] = defaultdict(set)
        for key in touched:
            threads[key.learner].add(key.thread_id)
        for learner, ids in threads.items():
            if learner in self._learners:
                self._learners.move_to_end(learner)
                self._total += self._learners[learner].weigh(ids)
        while self._total > self._share:
            self._make_room()

    def _make_room(self) -> None:
        """Learners who write in turn would each be gone when they come again: a state is worth more than ids."""
        learner, held = next(iter(self._learners.items()))
        if fewer := held.let_ids_go():
            self._total -= fewer
            self._learners.move_to_end(learner)
        else:
            self._drop(learner)
