"""What runs a privacy request: a job of enumerated steps.

A job is written for being killed anywhere. Each step is done at least once, and again where a worker died before it
was saved, so every step must be idempotent; what a step has to know of the ones before it goes through `notes`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from chat.domain.privacy import Kind, Request

Save = Callable[[str], Awaitable[None]]
"""Keeps notes in the middle of a long step: the step then begins again with them, should the worker die.

Raises `LeaseLost` where another worker has the request by now; let it through.
"""


class Job(Protocol):
    """How requests of one kind are run."""

    @property
    def kind(self) -> Kind:
        """The requests that it runs."""
        ...

    @property
    def steps(self) -> Sequence[str]:
        """Its steps in their order, each name once; a published name keeps its meaning, for requests under way."""
        ...

    async def do(self, request: Request, step: str, save: Save) -> str:
        """Does one step and returns the notes that the next one finds in `request.notes`.

        What the last step returns is the request's receipt: a JSON object, shown to whoever may see the request, so
        without ids of learners, names or content. It may be cancelled at any await, when its lease is lost.

        Raises `Transient` to be called again later, and `JobFailed` to end the request.
        """
        ...


Jobs = Mapping[Kind, Job]
"""The jobs that there are; commands of a kind without one are refused `disabled`."""


def registry(*jobs: Job) -> Jobs:
    """The jobs by their kinds."""
    return {one.kind: one for one in jobs}
