"""What is known before a command is judged, and what the judgement says."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chat.domain.commands import Command
from chat.domain.events import Event
from chat.domain.model import FIRST_LIFE, Life, Message, Thread
from chat.domain.moderation import Moderate, keep
from chat.domain.verdicts import Refused


class Remembered(NamedTuple):
    """What is kept of an applied command: its type, a keyed hash of its body, where it stood, and `outcome`: what of
    its event does not follow from the command itself.
    """

    kind: int
    digest: bytes
    position: int
    outcome: str = ""


class At(NamedTuple):
    """Where and when a command stood in the log (`time` is the broker's, in milliseconds), and who sent it."""

    position: int
    time: int
    sender: str
    moderates: bool = False


class Limits(NamedTuple):
    """What of a verdict is the operator's choice. 0 messages: no limit; `retention` gives a tenant's seconds;
    `moderate` judges content.
    """

    messages_per_thread: int
    retention: Callable[[str], int]
    moderate: Moderate = keep


class Given(NamedTuple):
    """What is known before; of an erased learner nothing but its `life`.

    `seqs` maps the message ids that the command names to their seq, where they exist; `message` is the one that it
    wants to change; `mark` is how far the sender has read, None where nothing is kept of that.
    """

    thread: Thread | None
    earlier: Remembered | None
    digest: bytes
    seqs: Mapping[str, int]
    thread_id_taken: bool = False
    message: Message | None = None
    mark: int | None = None
    life: Life = FIRST_LIFE


class Applied(NamedTuple):
    """A command that takes effect: the thread's new state, the message or mark that it wrote, and its event."""

    thread: Thread
    event: Event
    remembered: Remembered
    message: Message | None = None
    mark: int | None = None


class Repeated(NamedTuple):
    """A record that was applied in an earlier run, which may have died before all was written that comes after its
    commit point: the message or mark that it changed is written again, as of `write_time`, and its event emitted.
    """

    thread: Thread
    event: Event
    write_time: int = 0
    message: Message | None = None
    mark: int | None = None


class Settled(NamedTuple):
    """A record of which all was said in an earlier run: it was refused, or it was applied and its effect deleted since,
    and then its event must not come back.
    """


Verdict = Applied | Repeated | Settled | Refused


def was_applied(given: Given, at: At) -> bool:
    """True where an earlier run of this very record came to its commit point."""
    return given.earlier is not None and given.earlier.position == at.position and is_past(given.thread, at)


def is_past(thread: Thread | None, at: At) -> bool:
    """True where the thread is at or beyond this record."""
    return thread is not None and thread.position >= at.position


def remember(command: Command, given: Given, at: At, outcome: str = "") -> Remembered:
    """What is kept of `command`."""
    return Remembered(command.kind, given.digest, at.position, outcome)


def write_time(thread: Thread, at: At) -> int:
    """Microseconds, strictly increasing in a thread: many records share a broker's millisecond."""
    return max(at.time * 1000, thread.write_time + 1)
