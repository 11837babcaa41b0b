"""A thread and its messages, as values. Times are UTC milliseconds unless a name says otherwise."""

from enum import IntEnum, StrEnum
from typing import NamedTuple

FIRST_GENERATION = 1
"""A learner's first life; an erasure and a new enrolment begin the next."""

BUCKET = 500
"""Messages of one partition of `messages`; a larger one would make a page of long messages slow to compact."""


def bucket_of(seq: int) -> int:
    """The partition's bucket that holds `seq` (1, 2, 3 …)."""
    return (seq - 1) // BUCKET


class MessageType(StrEnum):
    """What a message is; for all but `text` its content is a caption."""

    TEXT = "text"
    IMAGE = "image"
    FILE = "file"
    AUDIO = "audio"
    VIDEO = "video"
    SYSTEM = "system"


class Status(IntEnum):
    """Whether a thread lives; a deleted one keeps its id for ever."""

    LIVE = 1
    DELETED = 2


class Learner(NamedTuple):
    """One learner of one tenant, through all lives."""

    tenant_id: str
    learner_id: str


class LearnerId(NamedTuple):
    """One learner's life in one tenant: the first part of every partition key."""

    tenant_id: str
    learner_id: str
    generation: int

    @property
    def learner(self) -> Learner:
        """Whose life it is."""
        return Learner(self.tenant_id, self.learner_id)


class Life(NamedTuple):
    """The latest life of a learner: an erasure ends it, and an enrolment begins the next.

    A command whose position is `since` or less does not belong to it.
    """

    generation: int = FIRST_GENERATION
    alive: bool = True
    since: int = 0

    def holds(self, position: int) -> bool:
        """Whether a command at this position may act in it."""
        return self.alive and position > self.since

    def is_of(self, learner: LearnerId) -> bool:
        """Whether it is this very life, and not over."""
        return self.alive and self.generation == learner.generation

    def of(self, learner: Learner) -> LearnerId:
        """The learner in this life."""
        return LearnerId(*learner, self.generation)


FIRST_LIFE = Life()
"""Of a learner about whom nothing is kept yet."""


class ThreadKey(NamedTuple):
    """One thread of one learner."""

    learner: LearnerId
    thread_id: str


class Details(NamedTuple):
    """What a thread's creator and editors said of it."""

    title: str
    metadata: str
    created_by: str
    created_at: int
    updated_at: int


class Thread(NamedTuple):
    """A thread's state at its last applied command.

    `position` is that command's place in the log (see `chat.domain.position`), `write_time` the strictly increasing
    microseconds with which its rows were written, `details_time` those of its details, `created_position` where its
    `CreateThread` stood; `active_at` is when somebody last made, changed or added to it.
    """

    thread_id: str
    details: Details
    status: Status
    last_seq: int
    position: int
    created_position: int
    details_time: int
    write_time: int
    active_at: int


class Message(NamedTuple):
    """A message's state; `content` is None in the husk of a deleted one."""

    message_id: str
    thread_id: str
    seq: int
    sender_id: str
    content: str | None
    message_type: str
    reply_to: str | None
    metadata: str
    created_at: int
    updated_at: int
    deleted_at: int | None = None
