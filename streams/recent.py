"""Messages that a lane wrote a moment ago: who edits, deletes or answers one so soon need not have it read.

Their words are in memory for a minute at most, as long as keys are (`chat.storage.learner_keys`), also where nothing
comes any more; those of a life that is over are let go at once.
"""

import asyncio
import time
from collections import OrderedDict
from sys import getsizeof
from typing import NamedTuple

from chat.clock import seconds
from chat.domain.model import LearnerId, Message, ThreadKey
from chat.storage.learner_keys import KEPT_SECONDS

RECENT_BYTES = 16 * 2**20
"""What a process may hold of them."""

MESSAGE_BYTES = 1_200
"""Of ids, names and objects, measured (`tracemalloc`) with ids that are UUIDs."""

_EMPTY = getsizeof("")
EXPIRING_SECONDS = 7_200
"""A message that expires so soon is read, for whether it is there yet is for Cassandra's clock to say, not for ours."""


def weight_of(text: str) -> int:
    """Bytes that a text's characters take in memory: one emoji makes it four for each."""
    return getsizeof(text) - _EMPTY


class _Noted(NamedTuple):
    message: Message
    weight: int
    until: float


class Recent:
    """Of one lane, `share` bytes at most; the oldest leave first."""

    def __init__(self, share: int = RECENT_BYTES) -> None:
        self._share = share
        self._noted: OrderedDict[tuple[ThreadKey, str], _Noted] = OrderedDict()
        self._total = 0
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._noted)

    def find(self, key: ThreadKey, message_id: str) -> Message | None:
        """A message as it was written last, None where it has to be read."""
        noted = self._noted.get((key, message_id))
        return noted.message if noted is not None and noted.until > seconds() else None

    def note(self, key: ThreadKey, message: Message, retention: int) -> None:
        """Keeps what was written; `retention` is its tenant's, in seconds."""
        self._drop((key, message.message_id))
        if message.created_at // 1000 + retention < time.time() + EXPIRING_SECONDS:
            return
        weight = MESSAGE_BYTES + weight_of(message.content or "") + weight_of(message.metadata)
        self._noted[key, message.message_id] = _Noted(message, weight, seconds() + KEPT_SECONDS)
        self._total += weight
        while self._total > self._share:
            self._drop(next(iter(self._noted)))
        self._sweep_later()

    def forget(self, learner: LearnerId) -> None:
        """Lets go of a life's."""
        for one in [one for one in self._noted if one[0].learner == learner]:
            self._drop(one)

    def _drop(self, one: tuple[ThreadKey, str]) -> None:
        noted = self._noted.pop(one, None)
        self._total -= noted.weight if noted else 0

    def _sweep_later(self) -> None:
        if self._noted and not self._sweeping:
            self._sweeping = True
            until = next(iter(self._noted.values())).until
            asyncio.get_running_loop().call_later(max(0.0, until - seconds()), self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = seconds()
        while self._noted and next(iter(self._noted.values())).until <= now:
            self._drop(next(iter(self._noted)))
        self._sweep_later()
