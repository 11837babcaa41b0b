"""A worker in memory that dies at one of its writes, and leaves what it had written."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.way import World

WRITES = frozenset({"write_messages", "commit", "write_list", "purge", "publish", "claim"})


class Crash(BaseException):
    """The end of the process."""


@dataclass
class Death:
    """Comes with the write after which no `left` are left, once that has had its effect."""

    left: int

    @property
    def came(self) -> bool:
        """Whether it was reached."""
        return self.left <= 0

    def approach(self) -> None:
        """One write is done."""
        self.left -= 1
        if self.left == 0:
            raise Crash


@contextmanager
def dying(world: World, life: int) -> Iterator[Death]:
    """Inside, the world's worker dies after `life` writes, which ends the block; then it has its own store again."""
    death, store, publisher = Death(life), world.store, world.publisher
    world.store, world.publisher = _Mortal(store, death), _Mortal(publisher, death)  # type: ignore[assignment]
    with suppress(Crash):
        try:
            yield death
        finally:
            world.store, world.publisher = store, publisher


class _Mortal:
    def __init__(self, inner: Any, death: Death) -> None:
        self._inner = inner
        self._death = death

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._dying(found) if name in WRITES else found

    def _dying(self, call: Any) -> Any:
        async def once(*values: Any) -> Any:
            result = await call(*values)
            self._death.approach()
            return result

        return once
