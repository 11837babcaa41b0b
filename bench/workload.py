"""What a workload is: commands of somebody, and the threads that must be there for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from chat.ids import new_id

TENANTS = 4
CONTENT = "Heute haben wir die Brüche geübt: ¾ und ⅝ sind schwer, aber ½ + ¼ kann ich jetzt. What comes next week?"


class Place(NamedTuple):
    """A thread and whose it is."""

    tenant_id: str
    learner_id: str
    thread_id: str


class Caller(NamedTuple):
    """Who sends a command: what is in the token."""

    tenant_id: str
    user_id: str
    role: str
    learner_id: str


class Intent(NamedTuple):
    """A command before it is encoded: its record's type and fields."""

    type: str
    caller: Caller
    fields: dict[str, Any]

    @classmethod
    def of(cls, kind: str, at: Place, *, role: str = "learner", **fields: Any) -> Self:
        """A new command of the learner's own user, or of one in another `role`."""
        caller = Caller(at.tenant_id, f"{role}-of-{at.learner_id}", role, at.learner_id)
        return cls(kind, caller, {"command_id": new_id(), **at._asdict(), **fields})


Commands = Callable[["Workload", int, int], Iterator[Intent]]
"""Of a workload: so many commands, in the so-many-th play."""


def posts(workload: "Workload", commands: int, play: int) -> Iterator[Intent]:
    """A message to one thread after the other."""
    for turn in range(commands):
        yield post(workload.place(turn, play))


def post(at: Place) -> Intent:
    """One text message."""
    written: dict[str, Any] = {"message_type": "text", "content": CONTENT, "reply_to": None, "metadata": "{}"}
    return Intent.of("PostMessage", at, message_id=new_id(), **written)


@dataclass(frozen=True, slots=True)
class Workload:
    """Commands to `threads` threads in turn, `each` of them a learner's; `number` tells the workloads' ids apart.

    With `used` a play takes so many of the threads, the next play the next ones. `bad` of ten commands are such as a
    service must refuse. `cold`: the first command to each thread is a figure of its own. `latency`: how long an event
    takes is measured too.
    """

    name: str
    number: int
    threads: int
    commands: Commands = posts
    each: int = 1
    used: int = 0
    bad: int = 0
    cold: bool = False
    latency: bool = False

    @property
    def width(self) -> int:
        """How many threads a play takes."""
        return self.used or self.threads

    def place(self, turn: int, play: int = 0) -> Place:
        """The thread whose turn it is."""
        number = (play * self.used + turn % self.width) % self.threads
        thread_id = f"{self.number:08x}-0000-7000-8000-{number:012x}"
        learner = number // self.each
        return Place(f"tenant-{learner % TENANTS}", f"{self.name.replace(' ', '-')}-learner-{learner}", thread_id)

    def places(self) -> list[Place]:
        """Every thread of it."""
        return [self.place(turn, turn // self.width) for turn in range(self.threads)]

    def refusals(self, commands: int) -> int:
        """How many of so many commands are to be refused."""
        return sum(turn % 10 < self.bad for turn in range(commands))
