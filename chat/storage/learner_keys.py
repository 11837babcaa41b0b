"""Learners' keys, unwrapped, for as long as they may be used without another look: a minute in every process.

What a process seals must stay readable while epochs of key-encryption keys come and go. So whoever seals first makes
sure that the key was wrapped under an epoch at a time when that was the current one: then the rotation that ends the
epoch begins later, and finds the key. One that is not is wrapped anew here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Self

from chat.clock import seconds
from chat.domain.model import FIRST_LIFE, Learner, LearnerId, Life
from chat.errors import KeyStoreUnavailable, KeyStoreUnfit
from chat.privacy.envelope import DataKey, bound, new_key
from chat.privacy.kek import KeyEncryption, require_fitting
from chat.privacy.key_store import key_store
from chat.privacy.subject import SECRET, Subjects
from chat.settings import Settings
from chat.storage.key_epochs import Epochs, EpochState, require_current
from chat.storage.lives import KeptLife, LifeKey, Lives, WrappedKey
from chat.storage.migrate import service_secret
from chat.storage.sealing import Cells, lost
from chat.storage.session import Connection

KEPT_SECONDS = 60.0
"""After a key's destruction no process uses it for longer."""

SWEEPS = 12
"""How often in that time a process looks which keys it may not use any more; one timer serves all of them."""

MAX_KEPT = 16_384
"""Learners whose life is kept in memory, some 2.5 KB each."""


class Held(NamedTuple):
    """A learner's latest life and its cells, good until `until` (see `chat.clock`)."""

    life: Life
    cells: Cells
    until: float

    def readable(self, learner: LearnerId) -> Cells:
        """The cells, to open what this life sealed. Raises `KeyStoreUnavailable` where it is over by now."""
        if not self.life.is_of(learner):
            raise KeyStoreUnavailable("a learner's life is to be looked up again")
        return self.cells


@dataclass(frozen=True, slots=True)
class KeyTools:
    """What keys are made and opened with. `sealed`: whether new cells are."""

    connection: Connection
    lives: Lives
    subjects: Subjects
    keys: KeyEncryption
    sealed: bool

    @classmethod
    async def open(cls, connection: Connection, settings: Settings) -> Self:
        """Raises `KeyStoreUnfit` where the key-encryption keys are not this keyspace's, and `StorageUnavailable`."""
        keys = key_store(settings)
        epochs = await Epochs.load(connection)
        if epochs.current is None and settings.message_encryption:
            raise KeyStoreUnfit("no epoch of key-encryption keys was ever opened here: run `chat migrate`")
        await require_fitting(keys, [(one.name, one.check_value) for one in epochs.readable])
        subjects = Subjects(await service_secret(connection, SECRET))
        return cls(connection, await Lives.open(connection), subjects, keys, settings.message_encryption)

    async def unwrap(self, whose: LifeKey, key: WrappedKey) -> bytes:
        """The data key itself. Raises `KeyStoreUnavailable` or `KeyStoreUnfit`."""
        return await self.keys.unwrap(key.epoch, key.wrapped, _bound(whose, key.version))

    async def wrap(self, whose: LifeKey, epoch: str, key: bytes, version: int) -> WrappedKey:
        """The data key as it may lie in the table."""
        return WrappedKey(version, epoch, await self.keys.wrap(epoch, key, _bound(whose, version)))

    async def current(self) -> str:
        """The epoch that wraps now."""
        return await require_current(self.connection)

    async def rewrap(self, whose: LifeKey, before: WrappedKey, epoch: str) -> bool:
        """Wraps a key under another epoch; False where somebody else was faster, or the life has ended.

        A key whose epoch was destroyed was never used, for see above: another takes its place.
        """
        key, version = await self._key_or_new(whose, before)
        return await self.lives.set_key(whose, await self.wrap(whose, epoch, key, version), before.epoch)

    def life_key(self, learner: LearnerId) -> LifeKey:
        """Where a life is kept."""
        return LifeKey(self.subjects.of(learner.learner), learner.generation)

    async def _key_or_new(self, whose: LifeKey, before: WrappedKey) -> tuple[bytes, int]:
        if (await Epochs.load(self.connection)).state_of(before.epoch) is EpochState.DESTROYED:
            return new_key(), before.version + 1
        return await self.unwrap(whose, before), before.version


class LearnerKeys:
    """The lives and keys that this process knows. Every method raises `StorageUnavailable`, `KeyStoreUnavailable` or
    `KeyStoreUnfit`; after the first two it may be called again.

    `writes`: whether this process seals. Then it alone begins lives of the learners that it asks for, so it keeps in
    mind also that one has none; a reader asks again.
    """

    def __init__(self, tools: KeyTools, *, writes: bool) -> None:
        self._tools = tools
        self._writes = writes
        self._held: OrderedDict[Learner, Held] = OrderedDict()
        self._loading: dict[Learner, asyncio.Task[dict[Learner, Held]]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, connection: Connection, settings: Settings, *, writes: bool) -> Self:
        """Raises what `KeyTools.open` does."""
        return cls(await KeyTools.open(connection, settings), writes=writes)

    async def find(self, learners: Collection[Learner]) -> dict[Learner, Held]:
        """Each one's latest life. Who is asked for twice at once is looked up once."""
        found = {learner: held for learner in learners if (held := self.at_hand(learner)) is not None}
        missing = [learner for learner in learners if learner not in found]
        if missing:
            found.update(await self._look_up(missing))
        return found

    def at_hand(self, learner: Learner) -> Held | None:
        """One's latest life, where nobody has to be asked for it."""
        held = self._held.get(learner)
        if held is None or held.until < seconds():
            return None
        self._held.move_to_end(learner)
        return held

    async def make(self, learners: Collection[Learner]) -> dict[Learner, Held]:
        """Each one's latest life, with a key where one is needed and the life has not ended.

        All of them are in memory when this returns, whoever makes the same keys meanwhile and forgets what it knew.
        """
        while True:
            found = await self.find(learners)
            lacking = [one for one, held in found.items() if self._tools.sealed and _lacks_key(held)]
            if not lacking and found.keys() <= self._held.keys():
                return found
            epoch = await self._tools.current()
            await asyncio.gather(*(self._begin(one, found[one].life, epoch) for one in lacking))

    async def sealing(self, learners: Collection[Learner]) -> dict[Learner, tuple[LearnerId, Cells]]:
        """Each one's latest life and its cells, with a key; such as nobody can open, where it is over."""
        lives = {one: (held.life.of(one), held) for one, held in (await self.make(learners)).items()}
        return {one: (life, held.cells if held.life.alive else lost(life)) for one, (life, held) in lives.items()}

    def writable(self, learner: LearnerId) -> Cells:
        """The cells of a life for which `make` was just called; such as nobody can open, where it is over."""
        held = self._held.get(learner.learner)
        if held is None:
            raise KeyStoreUnavailable("a learner's life is to be looked up again")
        return held.cells if held.life.is_of(learner) else lost(learner)

    def forget(self, learner: Learner) -> None:
        """For who has just changed the learner's life: what was asked for before is not kept either."""
        self._held.pop(learner, None)
        self._loading.pop(learner, None)

    def forget_all(self) -> None:
        """For who may have missed changes of lives: all of them, as `forget` does."""
        self._held.clear()
        self._loading.clear()

    async def _look_up(self, learners: Collection[Learner]) -> dict[Learner, Held]:
        mine = [one for one in learners if one not in self._loading]
        if mine:
            self._loading.update(dict.fromkeys(mine, asyncio.create_task(self._load(mine))))
        tasks = {one: self._loading[one] for one in learners}
        # Another's being cancelled must not take the answer from those who wait for the same.
        await asyncio.gather(*map(asyncio.shield, set(tasks.values())))
        return {one: task.result()[one] for one, task in tasks.items()}

    async def _load(self, learners: Collection[Learner]) -> dict[Learner, Held]:
        mine: list[Learner] = []
        try:
            found = await self._load_all(learners)
        finally:
            mine = [one for one in learners if self._loading.get(one) is asyncio.current_task()]
            for one in mine:
                del self._loading[one]
        for learner in mine:
            # A reader does not know when a learner's first key is made, and must not answer without it.
            if self._writes or found[learner].cells.has_key:
                self._keep(learner, found[learner])
        return found

    async def _load_all(self, learners: Collection[Learner]) -> dict[Learner, Held]:
        until = seconds() + KEPT_SECONDS
        kept = dict(zip(learners, await self._read(learners), strict=True))
        if self._writes:
            await self._confirm(kept)
        return {one: await self._opened(one, life, until) for one, life in kept.items()}

    async def _read(self, learners: Collection[Learner]) -> list[KeptLife | None]:
        return await self._tools.lives.read([self._tools.subjects.of(one) for one in learners])

    async def _confirm(self, kept: dict[Learner, KeptLife | None]) -> None:
        """Returns when every key is under the epoch that was current after it was read."""
        while keyed := [(one, life.life.of(one), life.key) for one, life in kept.items() if life and life.key]:
            epoch = await self._tools.current()
            behind = [(learner, key) for _, learner, key in keyed if key.epoch != epoch]
            if not behind:
                return
            await asyncio.gather(*(self._tools.rewrap(self._tools.life_key(one), key, epoch) for one, key in behind))
            again = [learner.learner for learner, _ in behind]
            kept.update(zip(again, await self._read(again), strict=True))

    async def _opened(self, learner: Learner, kept: KeptLife | None, until: float) -> Held:
        life, wrapped = (kept.life, kept.key) if kept else (FIRST_LIFE, None)
        if wrapped is None:  # who was erased may be enrolled at any moment
            return Held(life, Cells(None, sealed=False), until if life.alive else 0.0)
        key = await self._tools.unwrap(self._tools.life_key(life.of(learner)), wrapped)
        data_key = DataKey(key, wrapped.version, life.of(learner))
        return Held(life, Cells(data_key, sealed=self._tools.sealed), until)

    def _keep(self, learner: Learner, held: Held) -> None:
        self._held[learner] = held
        self._held.move_to_end(learner)
        while len(self._held) > MAX_KEPT:
            self._held.popitem(last=False)
        if self._sweeping is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(KEPT_SECONDS / SWEEPS, self._sweep)

    def _sweep(self) -> None:
        """A key that nobody asks for again does not stay in memory either."""
        now = seconds()
        for learner in [learner for learner, held in self._held.items() if held.until < now]:
            del self._held[learner]
        self._sweeping = None
        if self._held:
            self._sweep_later()

    async def _begin(self, learner: Learner, life: Life, epoch: str) -> None:
        """Makes a key; whoever was faster, their key counts."""
        whose = self._tools.life_key(life.of(learner))
        wrapped = await self._tools.wrap(whose, epoch, new_key(), 1)
        if not await self._tools.lives.begin(whose.subject, life, wrapped):
            await self._tools.lives.set_key(whose, wrapped, None)
        self.forget(learner)


def _bound(whose: LifeKey, version: int) -> str:
    return bound(whose.subject.hex(), str(whose.generation), str(version))


def _lacks_key(held: Held) -> bool:
    return held.life.alive and not held.cells.has_key
