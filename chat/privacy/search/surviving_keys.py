"""Data keys that somebody could still open: wrapped copies wherever they lie, tried with every key-encryption key.

A row of `learner_keys` is keyed by the learner's subject, 32 bytes that stand nowhere by chance. So wherever those are,
in a data file, a snapshot, the commit log, or among the proposals of lightweight transactions (`system.paxos`), what
follows is looked through for a wrapped key.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from chat.errors import UnwrapFailed
from chat.privacy.envelope import KEY_BYTES, NONCE_BYTES, bound
from chat.privacy.kek import KeyEncryption
from chat.privacy.search.windows import AFTER, Window

MAX_VERSION = 16
"""A key gets another version only where the epoch of the one before was destroyed before that had sealed anything."""

_WRAPPED = NONCE_BYTES + KEY_BYTES + 16
_EPOCH = re.compile(rb"\d{8}t\d{6}z-[0-9a-f]{8}")
_IN_VAULT = re.compile(rb"vault:v\d+:[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class SurvivingKey:
    """A data key of a learner's life, and the epoch whose key opened it."""

    key: bytes = field(repr=False)
    generation: int
    version: int
    epoch: str


class Opened(NamedTuple):
    """A wrapped copy at `place` of a window that is opened."""

    place: int
    key: SurvivingKey


@dataclass(frozen=True)
class KeySearch:
    """For one learner's keys. `keyrings`: where key-encryption keys are, backups of them too."""

    subject: bytes
    generations: int
    keyrings: Sequence[KeyEncryption]
    _tried: dict[tuple[str, bytes], SurvivingKey | None] = field(default_factory=dict)

    async def look(self, window: Window) -> AsyncIterator[Opened]:
        """Every wrapped copy in a window that a key-encryption key opens.

        Raises `KeyStoreUnavailable` and `KeyStoreUnfit`: a key that cannot be asked for may be one that is left.
        """
        for place in self._places(window):
            near = window.data[place : place + AFTER]
            epochs = sorted({one.decode() for one in _EPOCH.findall(near)})
            for wrapped in dict.fromkeys(_candidates(near)):
                if (key := await self._open(epochs, wrapped)) is not None:
                    yield Opened(window.at + place, key)

    def _places(self, window: Window) -> Iterator[int]:
        place = window.data.find(self.subject, window.first)
        while 0 <= place < window.end:
            yield place
            place = window.data.find(self.subject, place + 1)

    async def _open(self, epochs: Sequence[str], wrapped: bytes) -> SurvivingKey | None:
        for epoch in epochs:
            if (epoch, wrapped) not in self._tried:
                self._tried[epoch, wrapped] = await self._opened_in(epoch, wrapped)
            if (key := self._tried[epoch, wrapped]) is not None:
                return key
        return None

    async def _opened_in(self, epoch: str, wrapped: bytes) -> SurvivingKey | None:
        for keyring in self.keyrings:
            if await keyring.has(epoch) and (key := await self._unwrap(keyring, epoch, wrapped)):
                return key
        return None

    async def _unwrap(self, keyring: KeyEncryption, epoch: str, wrapped: bytes) -> SurvivingKey | None:
        for generation, version in product(range(1, self.generations + 1), range(1, MAX_VERSION + 1)):
            place = bound(self.subject.hex(), str(generation), str(version))
            try:
                return SurvivingKey(await keyring.unwrap(epoch, wrapped, place), generation, version, epoch)
            except UnwrapFailed:
                continue
        return None


def _candidates(near: bytes) -> Iterator[bytes]:
    """What may be a wrapped key: behind its length, as a vint or an int that ends with that byte."""
    at = near.find(_WRAPPED)
    while at >= 0:
        if len(near) >= at + 1 + _WRAPPED:
            yield near[at + 1 : at + 1 + _WRAPPED]
        at = near.find(_WRAPPED, at + 1)
    yield from _IN_VAULT.findall(near)
