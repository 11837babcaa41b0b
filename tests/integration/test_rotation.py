"""The end of an epoch of key-encryption keys, on a real Cassandra."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chat.domain.model import FIRST_LIFE, Learner
from chat.errors import BundleStoreUnavailable, KeyStoreUnavailable, KeyStoreUnfit
from chat.privacy.envelope import DataKey
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage import key_epochs, lives, rotation
from chat.storage.key_epochs import Epochs
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.lives import WrappedKey
from chat.storage.rotation import rotate
from chat.storage.session import Connection
from tests.chat_program import ChatProgram
from tests.keyspace import keyspace
from tests.worker import environment

PLACE = ("content", "thread-1", "message-1")


@pytest.fixture
def settings(servers: Addresses, tmp_path: Path) -> Iterator[Settings]:
    with keyspace(servers, kek_folder=tmp_path / "keys", export_folder=tmp_path / "exports") as found:
        yield found


@pytest.fixture
async def tools(settings: Settings) -> AsyncIterator[KeyTools]:
    connection = await Connection.open(settings)
    yield await KeyTools.open(connection, settings)
    await connection.close()


async def no_bundles() -> int:
    """For a service without exports."""
    return 0


def learners(number: int) -> list[Learner]:
    return [Learner("tenant-1", f"learner-{one}-{uuid.uuid4()}") for one in range(number)]


async def seal_all(tools: KeyTools, some: list[Learner]) -> dict[Learner, bytes]:
    """A cell of each learner, as a worker that has just started makes it."""
    keys = LearnerKeys(tools, writes=True)
    await keys.make(some)
    return {one: keys.writable(FIRST_LIFE.of(one)).seal(one.learner_id, *PLACE) for one in some}


async def readable(settings: Settings, tools: KeyTools, cells: Mapping[Learner, bytes]) -> bool:
    """Whether a process that starts now opens every cell."""
    keys = LearnerKeys(await KeyTools.open(tools.connection, settings), writes=False)
    found = await keys.find(list(cells))
    return all(found[one].cells.open(cell, *PLACE) == one.learner_id for one, cell in cells.items())


def files(folder: Path) -> set[str]:
    """The keys of epochs; those of commands and dead letters have other names and lives."""
    return {one.stem for one in folder.glob("2*.key")}


async def wrapped_key(tools: KeyTools, learner: Learner) -> WrappedKey:
    (kept,) = await tools.lives.read([tools.subjects.of(learner)])
    assert kept is not None
    assert kept.key is not None
    return kept.key


async def test_after_it_a_backup_opens_nothing(settings: Settings, tools: KeyTools) -> None:
    """Keys as they lay in the table before open with nothing that is left; what lives opens as ever."""
    some = learners(3)
    cells = await seal_all(tools, some)
    backup = {one: await wrapped_key(tools, one) for one in some}
    before = (await Epochs.load(tools.connection)).current
    rotated = await rotate(tools, no_bundles)
    assert (rotated.rewrapped, rotated.destroyed) == (3, [before])
    assert files(settings.kek_folder) == {rotated.epoch}
    assert await readable(settings, tools, cells)
    fresh = await KeyTools.open(tools.connection, settings)
    for learner, key in backup.items():
        whose = tools.life_key(FIRST_LIFE.of(learner))
        with pytest.raises(KeyStoreUnavailable):
            await fresh.unwrap(whose, key)
        with pytest.raises(KeyStoreUnfit):
            await fresh.unwrap(whose, key._replace(epoch=rotated.epoch))


async def test_what_was_erased_stays_erased(settings: Settings, tools: KeyTools) -> None:
    """No key for a life that is over, and another rotation finds the others again."""
    erased, living = learners(2)
    cells = await seal_all(tools, [erased, living])
    await tools.lives.end(tools.subjects.of(erased), FIRST_LIFE.generation)
    assert (await rotate(tools, no_bundles)).rewrapped == 1
    assert (await rotate(tools, no_bundles)).rewrapped == 1
    (kept,) = await tools.lives.read([tools.subjects.of(erased)])
    assert kept is not None
    assert not kept.life.alive
    assert kept.key is None
    assert await readable(settings, tools, {living: cells[living]})


async def test_more_lives_than_a_page_holds(
    settings: Settings, tools: KeyTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page is wrapped anew, the last one too, whole or not."""
    monkeypatch.setattr(lives, "PAGE", 7)
    small = replace(tools, lives=await lives.Lives.open(tools.connection))
    cells = await seal_all(small, learners(7))
    assert (await rotate(small, no_bundles)).rewrapped == 7
    cells |= await seal_all(small, learners(16))
    assert (await rotate(small, no_bundles)).rewrapped == 23
    assert await readable(settings, tools, cells)


class Crash(BaseException):
    """The end of the process."""


class Mortal:
    """Dies at its last call, after the call has had its effect."""

    def __init__(self, inner: Any, names: set[str], left: list[int]) -> None:
        self._inner, self._names, self._left = inner, names, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return dying(found, self._left) if name in self._names else found


def dying(call: Any, left: list[int]) -> Any:
    async def once(*values: Any) -> Any:
        result = await call(*values)
        left[0] -= 1
        if left[0] == 0:
            raise Crash
        return result

    return once


async def names(tools: KeyTools) -> set[str]:
    """Every epoch that the keyspace knows."""
    return {one.name for one in (await Epochs.load(tools.connection)).known}


async def crashed(tools: KeyTools, calls: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a rotation died after so many of its writes."""
    left = [calls]
    mortal = replace(
        tools,
        keys=Mortal(tools.keys, {"new_epoch", "destroy"}, left),
        lives=Mortal(tools.lives, {"set_key"}, left),  # type: ignore[arg-type]
    )
    with monkeypatch.context() as patched:
        patched.setattr(rotation, "AT_ONCE", 1)
        patched.setattr(rotation, "open_epoch", dying(key_epochs.open_epoch, left))
        patched.setattr(rotation, "note_destroyed", dying(key_epochs.note_destroyed, left))
        with suppress(Crash):
            await rotate(mortal, no_bundles)
            return False
    return True


async def test_broken_off_anywhere_it_is_finished_by_the_next_run(
    settings: Settings, tools: KeyTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every single write: the service starts and reads all, and the run that follows leaves one key."""
    cells = await seal_all(tools, learners(3))
    for calls in count(1):
        known = await names(tools)
        if not await crashed(tools, calls, monkeypatch):
            break
        assert await readable(settings, tools, cells)
        assert await seal_all(await KeyTools.open(tools.connection, settings), list(cells)) == cells
        begun = await names(tools) - known
        left = files(settings.kek_folder) & (known | begun)
        rotated = await rotate(await KeyTools.open(tools.connection, settings), no_bundles)
        # Only where nothing was left to do for it, it is a rotation of its own.
        assert await names(tools) - known == {*begun, rotated.epoch}
        assert (rotated.epoch in begun) == (begun not in (set(), left))
        assert [one.name for one in (await Epochs.load(tools.connection)).readable] == [rotated.epoch]
        assert files(settings.kek_folder) & await names(tools) == {rotated.epoch}
        assert await readable(settings, tools, cells)
    assert calls > 7, "an epoch made and opened, three keys at least, an epoch noted and destroyed"


async def test_two_rotations_at_once_leave_one_key(settings: Settings, tools: KeyTools) -> None:
    """One of them may be told to come again; nothing is lost."""
    cells = await seal_all(tools, learners(4))
    ended = await asyncio.gather(*(rotate(tools, no_bundles) for _ in range(3)), return_exceptions=True)
    assert all(not isinstance(one, BaseException) or isinstance(one, KeyStoreUnfit) for one in ended)
    rotated = await rotate(tools, no_bundles)
    assert files(settings.kek_folder) == {rotated.epoch}
    assert await readable(settings, tools, cells)


async def test_the_service_writes_while_epochs_end(settings: Settings, tools: KeyTools) -> None:
    """Keys made while rotation follows upon rotation are all there at the end, and so is what they sealed."""
    cells: dict[Learner, bytes] = {}
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            some = learners(5)
            with suppress(KeyStoreUnavailable):  # an epoch ended in between: a worker tries again
                cells.update(await seal_all(tools, some))

    writing = [asyncio.create_task(write()) for _ in range(3)]
    for _ in range(6):
        await rotate(tools, no_bundles)
    done.set()
    await asyncio.gather(*writing)
    assert len(cells) > 30
    assert await readable(settings, tools, cells)


async def test_a_key_that_was_never_used_gives_way(settings: Settings, tools: KeyTools) -> None:
    """Its maker was stopped before it was sure of the epoch, and the rotation had passed: it sealed nothing."""
    (learner,) = learners(1)
    old = await tools.current()
    whose = tools.life_key(FIRST_LIFE.of(learner))
    late = await tools.wrap(whose, old, bytes(32), 1)
    await rotate(tools, no_bundles)
    assert await tools.lives.begin(whose.subject, FIRST_LIFE, late)
    cells = await seal_all(tools, [learner])
    key = await wrapped_key(tools, learner)
    assert (key.version, key.epoch) == (2, await tools.current())
    assert cells[learner] != DataKey(bytes(32), 1, FIRST_LIFE.of(learner)).seal(learner.learner_id, *PLACE)
    assert await readable(settings, tools, cells)


async def test_no_epoch_ends_before_export_bundles_are_wrapped_anew(tools: KeyTools) -> None:
    """Their store being away, the old key stays; the next run, when it answers, ends the epoch."""
    before = await tools.current()
    faults = [BundleStoreUnavailable("away")]

    async def bundles() -> int:
        if faults:
            raise faults.pop()
        assert await tools.keys.has(before), "the key that opens them"
        assert await tools.current() != before
        return 3

    with pytest.raises(BundleStoreUnavailable):
        await rotate(tools, bundles)
    assert await tools.keys.has(before)
    assert (await rotate(tools, bundles))[1:] == (0, 3, [before])
    assert not await tools.keys.has(before)


async def test_from_the_command_line(settings: Settings, tools: KeyTools, tmp_path: Path) -> None:
    """One line of JSON, and the old key is gone."""
    cells = await seal_all(tools, learners(2))
    before = files(settings.kek_folder)
    ended = await asyncio.to_thread(ChatProgram(tmp_path, environment(settings)).run, "privacy", "rotate", "--json")
    assert ended.status == 0
    (said,) = ended.lines
    epoch, after = said.pop("epoch"), files(settings.kek_folder)
    assert said == {"rewrapped": 2, "bundles": 0, "destroyed": list(before)}
    assert after == {epoch}
    assert await readable(settings, tools, cells)
