"""The commands, as the contract names them. A command is what somebody wants; nothing has been checked yet."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command about a thread has. `kind` is a number that tells types apart where they are remembered."""

    kind: ClassVar[int]

    command_id: str
    tenant_id: str
    learner_id: str
    thread_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateThread(Command):
    kind = 1

    title: str
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostMessage(Command):
    kind = 2

    message_id: str
    content: str
    message_type: str
    reply_to: str | None
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateThread(Command):
    kind = 3

    title: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteThread(Command):
    kind = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EditMessage(Command):
    kind = 5

    message_id: str
    content: str
    metadata: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMessage(Command):
    kind = 6

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRead(Command):
    kind = 7

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireThread(Command):
    """The service's own: nobody has been active in the thread since `active_at` (ms), and it holds nothing any more."""

    kind = 8

    active_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceLearner:
    """The service's own, about no thread: where in the log the life `generation` of a learner ends, or begins.

    Which of the two, the privacy request `request_id` says, on whose authority it is there.
    """

    kind: ClassVar[int] = 9

    command_id: str
    tenant_id: str
    learner_id: str
    request_id: str
    generation: int


TYPES: Mapping[str, type[Command]] = {
    cls.__name__: cls
    for cls in (
        CreateThread,
        PostMessage,
        UpdateThread,
        DeleteThread,
        EditMessage,
        DeleteMessage,
        MarkRead,
        ExpireThread,
    )
}


_SAID = {cls: attrgetter(*(field.name for field in fields(cls))) for cls in TYPES.values()}


def body(one: Command) -> tuple[Any, ...]:
    """Everything a producer said, in field order: two commands are the same exactly when these are equal."""
    return (type(one).__name__, *_SAID[type(one)](one))
