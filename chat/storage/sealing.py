"""Sealed fields: one cell each. Its first byte says how it opens, so plain and sealed cells may stand side by side."""

from typing import Protocol

from chat.domain.model import LearnerId
from chat.errors import CellDamaged
from chat.privacy.envelope import PLAIN, SEALED, DataKey, new_key


class Seal(Protocol):
    """Makes the cell of a field of a thread, or of the message or command `entity_id`."""

    def __call__(self, text: str, field: str, thread_id: str = "", entity_id: str = "") -> bytes: ...


class Cells:
    """One life's cells: how they are made and how they open; `key` is None where it has none.

    With `sealed=False` they are made plain. Sealed ones open all the same.
    """

    __slots__ = ("_key", "seal")

    def __init__(self, key: DataKey | None, *, sealed: bool) -> None:
        self._key = key
        self.seal: Seal = key.seal if sealed and key is not None else plain

    @property
    def has_key(self) -> bool:
        """Whether sealed cells of this life can be opened."""
        return self._key is not None

    def open(self, cell: bytes, field: str, thread_id: str = "", entity_id: str = "") -> str:
        """The text of a cell. Raises `CellDamaged`, also for a version that this program does not know."""
        if cell[:1] == PLAIN:
            return cell[1:].decode()
        if cell[:1] != SEALED or self._key is None:
            raise CellDamaged(f"a {field} is sealed with a key that is not there")
        return self._key.open(cell, field, thread_id, entity_id)


def plain(text: str, field: str = "", thread_id: str = "", entity_id: str = "") -> bytes:  # noqa: ARG001 - a `Seal`
    """The cell of a text that anybody may open."""
    return PLAIN + text.encode()


def lost(learner: LearnerId) -> Cells:
    """For a life that has ended: what is written now was under way, and nobody will ever open it."""
    return Cells(DataKey(new_key(), 1, learner), sealed=True)
