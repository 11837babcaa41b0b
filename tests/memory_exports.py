"""What an export reads, out of a `MemoryStore`."""

from collections.abc import Callable
from dataclasses import dataclass

from chat.domain.model import Learner, LearnerId, Life, Message, Status, ThreadKey
from chat.errors import KeyStoreUnavailable
from chat.storage.export_reads import PAGE, ReadMark
from chat.storage.history import ShownThread
from chat.storage.memory import MemoryStore


@dataclass(frozen=True)
class StoreReads:
    """The `ExportReads` of a store's rows; as those in Cassandra, it opens nothing of a life that is over."""

    store: MemoryStore
    life_of: Callable[[Learner], Life]

    async def threads(self, learner: LearnerId, after: str | None) -> list[ShownThread]:
        self._require_living(learner)
        listed = [(key.thread_id, one.value) for key, one in self.store.listed.items() if key.learner == learner]
        behind = sorted((thread_id, one) for thread_id, one in listed if after is None or thread_id > after)
        return [ShownThread(one, thread.details, thread.last_seq, thread.active_at) for one, thread in behind[:PAGE]]

    async def last_seq(self, key: ThreadKey) -> int | None:
        thread = self.store.threads.value(key)
        return thread.last_seq if thread is not None and thread.status is Status.LIVE else None

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        self._require_living(key.learner)
        found = [self.store.messages.value((key, seq)) for seq in range(first, last + 1)]
        return [one for one in found if one is not None]

    async def marks(self, learner: LearnerId, after: ReadMark | None) -> list[ReadMark]:
        mine = [(key, user, one.value) for (key, user), one in self.store.marks.items() if key.learner == learner]
        marks = sorted(ReadMark(user, key.thread_id, seq) for key, user, seq in mine)
        return [one for one in marks if after is None or one[:2] > after[:2]][:PAGE]

    def _require_living(self, learner: LearnerId) -> None:
        if not self.life_of(learner.learner).is_of(learner):
            raise KeyStoreUnavailable("the learner's life is over")
