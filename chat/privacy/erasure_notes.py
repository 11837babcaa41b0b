"""What an erasure keeps for itself from one step to the next. No ids of threads, messages or users."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Notes(NamedTuple):
    """`generation`: the life; `events_from`: where the learner's events ended when it was checked; `fence`: its
    position; then how much there was. `times` says when each step was done (ms); `draft` is a receipt whose place in
    the chain is not certain yet.
    """

    generation: int = 0
    events_from: int = 0
    fence: int = 0
    threads: int = 0
    messages: int = 0
    marks: int = 0
    commands: int = 0
    bundles: int = 0
    times: Mapping[str, int] = {}
    draft: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Notes as they were written; those before the first step are empty."""
        return cls(**json.loads(text)) if text else cls()

    def text(self) -> str:
        """As they are kept."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    def at(self, step: str, time: int) -> Self:
        """With the time of a step."""
        return self._replace(times={**self.times, step: time})

    @property
    def tombstones(self) -> int:
        """Keys that have one: every thread's own, every message's, every mark's."""
        return self.threads + self.messages + self.marks

    def counted(self) -> dict[str, Any]:
        """What there was, for the receipt."""
        names = ("threads", "messages", "marks", "commands", "bundles")
        return {name: getattr(self, name) for name in names} | {"tombstones": self.tombstones}
