"""What must be stored and shown of a thread after the commands that were applied to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(slots=True)
class Message:
    """`data` as its last event or husk has it, `write_time` of its row in microseconds."""

    data: Mapping[str, Any]
    write_time: int

    @property
    def deleted(self) -> bool:
        return self.data["deleted_at"] is not None


class Mark(NamedTuple):
    """How far a user has read, and when that was written (microseconds)."""

    seq: int
    write_time: int


@dataclass(slots=True)
class Thread:
    """`write_time` in microseconds, `offset` of its last applied command, `active_at` in milliseconds.

    The messages of a deleted thread stay here, so that one knows what must have gone.
    """

    learner: tuple[str, str]
    data: Mapping[str, Any]
    offset: int
    write_time: int
    details_time: int
    active_at: int
    deleted_at: int | None = None
    erased: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        return self.erased or self.deleted_at is not None

    @property
    def kept(self) -> list[Message]:
        """The messages that must still be there, by seq."""
        return [] if self.deleted else list(self.messages.values())

    @property
    def key(self) -> str:
        """The record key of the thread's own events."""
        return "/".join((*self.learner, self.data["thread_id"]))

    def silenced_keys(self) -> Iterator[str]:
        """The record keys of everything in it that was ever put on the events; its own only where it was erased."""
        if self.erased:
            yield self.key
        yield from (f"{self.key}/{message_id}" for message_id in self.messages)
        yield from (f"{self.key}/read/{reader}" for reader in self.marks)

    def touch(self, offset: int, time: int) -> None:
        """Notes a command applied at `time` (milliseconds): its rows are written strictly later than all before."""
        self.offset, self.write_time = offset, max(time * 1000, self.write_time + 1)

    def move(self) -> None:
        """Notes that the command touched last was an activity, which the list goes by."""
        self.active_at = self.write_time // 1000
