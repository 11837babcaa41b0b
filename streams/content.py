"""What events say of what was written: the words themselves, or sealed for those who hold the keys."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from chat.domain.events import Event
from chat.domain.model import Learner, LearnerId
from chat.privacy.event_content import HEADER, holds_words, seal_event
from chat.storage.learner_keys import LearnerKeys
from chat.storage.sealing import Cells
from streams.waiting import Waiting


class Said(NamedTuple):
    """An event as it goes out, and the headers that it needs."""

    event: Event
    headers: Sequence[tuple[str, bytes]] = ()


class Content(Protocol):
    """How words go into events."""

    async def say(self, events: Sequence[Event]) -> list[Said]:
        """The events as they go out, in their order."""
        ...


class PlainContent:
    """As they were written."""

    async def say(self, events: Sequence[Event]) -> list[Said]:
        return [Said(event) for event in events]


class SealedContent:
    """Under the key of each learner's life; of one who was erased in the meantime, such as nobody can open."""

    def __init__(self, keys: LearnerKeys, waiting: Waiting) -> None:
        self._keys = keys
        self._waiting = waiting

    async def say(self, events: Sequence[Event]) -> list[Said]:
        learners = {_learner(event) for event in events if holds_words(event.fields)}
        lives = await self._waiting.until_served(lambda: self._keys.sealing(learners))
        return [
            _sealed(event, *lives[_learner(event)]) if holds_words(event.fields) else Said(event) for event in events
        ]


def _sealed(event: Event, learner: LearnerId, cells: Cells) -> Said:
    sealed = event._replace(fields=seal_event(event.fields, cells.seal))
    return Said(sealed, [(HEADER, str(learner.generation).encode())])


def _learner(event: Event) -> Learner:
    return Learner(event.fields["tenant_id"], event.fields["learner_id"])
