"""The `History` in a process's memory, for tests that do no I/O."""

from collections.abc import Collection

from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, Message, ThreadKey
from chat.storage.history import Place, ShownMessage, ShownThread


class MemoryHistory:
    """What the tests put in, is what the read side sees."""

    def __init__(self) -> None:
        self.lives: dict[Learner, Life] = {}
        self._owners: dict[tuple[str, str], ThreadKey] = {}
        self._threads: dict[ThreadKey, ShownThread] = {}
        self._messages: dict[ThreadKey, dict[int, Message]] = {}
        self._seqs: dict[ThreadKey, dict[str, int]] = {}
        self._marks: dict[tuple[LearnerId, str, str], int] = {}
        self._versions: dict[tuple[ThreadKey, int], int] = {}

    async def put_thread(self, key: ThreadKey, thread: ShownThread) -> None:
        """Makes a thread, or gives it another state."""
        self._owners[key.learner.tenant_id, key.thread_id] = key
        self._threads[key] = thread

    async def put_message(self, key: ThreadKey, message: Message) -> None:
        """Writes a message's row; it is seen once its thread's `last_seq` has come so far."""
        self._messages.setdefault(key, {})[message.seq] = message
        self._versions[key, message.seq] = self._versions.get((key, message.seq), 0) + 1
        self._seqs.setdefault(key, {})[message.message_id] = message.seq

    async def put_mark(self, key: ThreadKey, user_id: str, seq: int) -> None:
        """Notes how far a user has read."""
        self._marks[key.learner, user_id, key.thread_id] = seq

    async def expire(self, key: ThreadKey, seq: int) -> None:
        """Takes the messages 1 … `seq` away, as their time to live does."""
        kept = self._messages.get(key, {}).items()
        self._messages[key] = {number: message for number, message in kept if number > seq}

    async def delete_thread(self, key: ThreadKey) -> None:
        """Deletes a thread and its messages; its id stays taken."""
        del self._threads[key]
        self._messages.pop(key, None)

    async def owner(self, tenant_id: str, thread_id: str) -> ThreadKey | None:
        return self._owners.get((tenant_id, thread_id))

    async def learner(self, tenant_id: str, learner_id: str) -> LearnerId | None:
        one = Learner(tenant_id, learner_id)
        life = self.lives.get(one, FIRST_LIFE)
        return life.of(one) if life.alive else None

    async def thread(self, key: ThreadKey) -> ShownThread | None:
        return self._threads.get(key) if self._lives(key.learner) else None

    async def threads(self, learner: LearnerId, limit: int, after: Place | None = None) -> list[ShownThread]:
        mine = self._threads.items() if self._lives(learner) else ()
        listed = [thread for key, thread in mine if key.learner == learner]
        behind = [thread for thread in listed if after is None or _rank(thread) > after.rank]
        return sorted(behind, key=_rank)[:limit]

    async def marks(self, learner: LearnerId, user_id: str, thread_ids: Collection[str]) -> dict[str, int]:
        held = {one: self._marks.get((learner, user_id, one)) for one in thread_ids}
        return {one: seq for one, seq in held.items() if seq is not None}

    async def last_seq(self, key: ThreadKey) -> int | None:
        thread = await self.thread(key)
        return None if thread is None else thread.last_seq

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        rows = self._messages.get(key, {}) if self._lives(key.learner) else {}
        return [rows[seq] for seq in range(first, last + 1) if seq in rows]

    async def first_kept(self, key: ThreadKey, last_seq: int, first: int = 1) -> int | None:
        return min((seq for seq in self._messages.get(key, {}) if first <= seq <= last_seq), default=None)

    async def message(self, key: ThreadKey, message_id: str) -> ShownMessage | None:
        seq = self._seqs.get(key, {}).get(message_id)
        last_seq = await self.last_seq(key)
        if seq is None or last_seq is None or seq > last_seq:
            return None
        found = self._messages.get(key, {}).get(seq)
        return ShownMessage(found, self._versions[key, seq]) if found and found.message_id == message_id else None

    def _lives(self, learner: LearnerId) -> bool:
        return self.lives.get(learner.learner, FIRST_LIFE).is_of(learner)


def _rank(thread: ShownThread) -> tuple[int, str]:
    return Place(thread.last_activity_at, thread.thread_id).rank
