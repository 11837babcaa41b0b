"""Lives of learners in memory, with no keys."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from chat.domain.model import Learner, Life
from chat.privacy.subject import Subjects
from chat.storage.lives import KeptLife, WrappedKey
from chat.storage.memory import MemoryStore


@dataclass
class MemoryLives:
    """Lives by subject; `store` finds them there."""

    store: MemoryStore
    subjects: Subjects
    kept: dict[bytes, KeptLife] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store.lives = _BySubject(self)

    async def read(self, subjects: Collection[bytes]) -> list[KeptLife | None]:
        return [self.kept.get(one) for one in subjects]

    async def begin(self, subject: bytes, life: Life, key: WrappedKey | None) -> bool:
        before = self.kept.get(subject)
        if before is not None and before.life.generation >= life.generation:
            return False
        self.kept[subject] = KeptLife(life, key)
        return True

    async def end(self, subject: bytes, generation: int) -> None:
        before = self.kept.get(subject, KeptLife(Life(generation)))
        if before.life.generation == generation:
            self.kept[subject] = before._replace(life=before.life._replace(alive=False), key=None)

    async def fence(self, subject: bytes, generation: int, position: int) -> None:
        before = self.kept.get(subject)
        if before is not None and before.life.generation == generation and before.ended is None:
            self.kept[subject] = before._replace(ended=None if before.life.alive else position)


class _BySubject(dict[Learner, Life]):
    """Each learner's latest life, out of `lives`."""

    def __init__(self, lives: MemoryLives) -> None:
        super().__init__()
        self._lives = lives

    def get(self, learner: Learner, default: Any = None) -> Any:
        kept = self._lives.kept.get(self._lives.subjects.of(learner))
        return super().get(learner, default) if kept is None else kept.life
