"""Where lives of learners end and begin in the log, as its fences say."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracle.findings import Finding
from tests.oracle.intents import Logged
from tests.oracle.topics import Said

Learner = tuple[str, str]
Place = tuple[int, int]


class Fence(NamedTuple):
    """A fence in the command log; `ends` a life, or begins one, of a generation."""

    partition: int
    offset: int
    learner: Learner
    request_id: str
    generation: int
    ends: bool

    @property
    def place(self) -> Place:
        return self.partition, self.offset


@dataclass(slots=True)
class Life:
    """A learner's life; `ending` where the owner has heard of its end before the fence, `places` are of its records."""

    generation: int = 1
    alive: bool = True
    ending: bool = False
    places: set[Place] = field(default_factory=set)

    def is_ended_by(self, fence: Fence, one: Logged) -> bool:
        """Whether a fence behind a record ends it."""
        behind = fence.partition == one.partition and fence.offset > one.offset
        return behind and fence.ends and (fence.learner, fence.generation) == (one.intent.learner, self.generation)


def fences_of(
    records: Iterable[Said], known: Container[Place], kinds: Mapping[str, str]
) -> tuple[list[Fence], list[Finding]]:
    """The fences in a log whose other records are `known`, and what is neither; `kinds` of requests by their ids."""
    fences, aliens = [], []
    for one in records:
        if (one.partition, one.offset) in known:
            continue
        fields = one.record.fields
        kind = kinds.get(fields.get("request_id", ""), "")
        if one.record.type != "FenceLearner" or not kind:
            aliens.append(Finding("alien", f"{one.name} is neither the generator's nor a fence of a request"))
            continue
        learner = fields["tenant_id"], fields["learner_id"]
        ends = kind == "DeleteLearnerData"
        fences.append(Fence(one.partition, one.offset, learner, fields["request_id"], fields["generation"], ends))
    return fences, aliens
