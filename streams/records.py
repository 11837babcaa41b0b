"""What a record of a command topic becomes on its way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chat.domain.commands import Command, FenceLearner
from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life, Thread, ThreadKey
from chat.domain.principal import Principal
from chat.domain.privacy_commands import PrivacyCommand
from chat.domain.verdicts import Refused

Record = Any
"""An aiokafka ConsumerRecord: topic, partition, offset, timestamp (broker's, ms), key, value, headers."""

Headers = Sequence[tuple[str, bytes]]

CONTINUED = frozenset({"correlation-id", "traceparent"})
"""Headers of a command that go on to all that it causes."""


class Closed(NamedTuple):
    """A value that cannot be laid open, and why: the dead letter's code and detail."""

    detail: str
    code: str = "undecodable"


Opened = bytes | Closed | None
"""A record's value to decode."""


class Identity(NamedTuple):
    """Whose command it is; what a refusal must be able to say."""

    command_id: str
    tenant_id: str
    learner_id: str


class Decoded(NamedTuple):
    """A record whose type and identity are known; `command` is None where `complaint` says what is wrong with it."""

    record: Record
    type: str
    identity: Identity
    command: Command | FenceLearner | PrivacyCommand | None
    complaint: str | None


@dataclass(slots=True)
class Admitted:
    """A valid command of somebody who may send it, its learner, and the thread that it names, in the learner's
    latest `life`.
    """

    record: Record
    command: Command
    caller: Principal
    learner: Learner = field(init=False)
    life: Life = field(init=False)
    thread: ThreadKey = field(init=False)

    def __post_init__(self) -> None:
        self.learner = Learner(self.command.tenant_id, self.command.learner_id)
        self.belongs_to(FIRST_LIFE)

    def belongs_to(self, life: Life) -> None:
        """Says which life is the learner's latest."""
        self.life = life
        self.thread = ThreadKey(life.of(self.learner), self.command.thread_id)


class Fence(NamedTuple):
    """Where the service lets a life of a learner end or begin."""

    record: Record
    command: FenceLearner

    @property
    def life(self) -> LearnerId:
        """The life that ends or begins."""
        return LearnerId(self.command.tenant_id, self.command.learner_id, self.command.generation)


class Refusal(NamedTuple):
    """A command of `type` that ends refused; `actor` is the user of its tenant who sent it, where that is known."""

    record: Record
    type: str
    identity: Identity
    refused: Refused
    actor: str = ""


class DeadLetter(NamedTuple):
    """A record that nobody can make sense of."""

    record: Record
    code: str
    detail: str


class Deletion(NamedTuple):
    """A thread that was deleted at `time` (ms), and the partition of its learner."""

    key: ThreadKey
    thread: Thread
    time: int
    partition: int


def header(record: Record, name: str) -> list[bytes]:
    """Every value of a header, its name compared without case."""
    return [value or b"" for key, value in record.headers if key.lower() == name]
