"""Keys of learners in a real Cassandra: made once, kept for a minute, and never readable without the folder."""

import asyncio
import gc
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from chat.domain.model import FIRST_LIFE, Learner
from chat.errors import CellDamaged, KeyStoreUnavailable, KeyStoreUnfit
from chat.privacy.kek import check_value
from chat.privacy.key_folder import KeyFolder
from chat.servers.embedded import Addresses
from chat.settings import Environment, Settings
from chat.storage import learner_keys
from chat.storage.key_epochs import Epochs, open_epoch
from chat.storage.learner_keys import Held, KeyTools, LearnerKeys
from chat.storage.migrate import migrate
from chat.storage.session import Connection
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.keyspace import keyspace
from tests.records import settings_for_tests
from tests.wait import until_async

PLACE = ("content", "thread-1", "message-1")


@pytest.fixture(scope="module")
def migrated(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A keyspace with a key folder of its own."""
    with keyspace(servers, kek_folder=tmp_path_factory.mktemp("house") / "keys") as settings:
        yield settings


@pytest.fixture
def own(servers: Addresses, tmp_path: Path) -> Iterator[Settings]:
    """As `migrated`, for one test alone."""
    with keyspace(servers, kek_folder=tmp_path / "keys") as settings:
        yield settings


@pytest.fixture
async def tools(migrated: Settings) -> AsyncIterator[KeyTools]:
    connection = await Connection.open(migrated)
    yield await KeyTools.open(connection, migrated)
    await connection.close()


@pytest.fixture
def learner() -> Learner:
    return Learner(f"tenant-{uuid.uuid4()}", "learner-1")


def writing(tools: KeyTools) -> LearnerKeys:
    return LearnerKeys(tools, writes=True)


async def sealed(keys: LearnerKeys, learner: Learner, text: str = "hello") -> bytes:
    await keys.make([learner])
    return keys.writable(FIRST_LIFE.of(learner)).seal(text, *PLACE)


async def opened(keys: LearnerKeys, learner: Learner, cell: bytes) -> str:
    return (await keys.find([learner]))[learner].cells.open(cell, *PLACE)


def changed(settings: Settings, **changes: object) -> Settings:
    return settings_for_tests(**settings.model_dump() | changes)


async def test_a_key_is_made_once_for_all_processes(tools: KeyTools, learner: Learner) -> None:
    """Of eight that make it at once one wins, and each opens what another sealed."""
    processes = [writing(tools) for _ in range(8)]
    cells = await asyncio.gather(*(sealed(one, learner) for one in processes))
    assert len(set(cells)) == 1
    assert await opened(LearnerKeys(tools, writes=False), learner, cells[0]) == "hello"


async def test_lanes_that_make_the_same_key_at_once_all_seal(tools: KeyTools) -> None:
    """In one process: who comes a little later does not take from memory what the first has just made."""
    for number in range(10):
        keys, learner = writing(tools), Learner(f"tenant-{uuid.uuid4()}", f"learner-{number}")
        cells = await asyncio.gather(*(_sealed_later(keys, learner, delay) for delay in range(30)))
        assert len(set(cells)) == 1


async def _sealed_later(keys: LearnerKeys, learner: Learner, turns: int) -> bytes:
    for _ in range(turns):
        await asyncio.sleep(0)  # a turn of the event loop, so that they are at different places
    return await sealed(keys, learner)


async def test_the_table_holds_no_key_and_no_id(tools: KeyTools, learner: Learner) -> None:
    """A row names neither tenant nor learner, and its key is wrapped."""
    cell = await sealed(writing(tools), learner)
    subject = tools.subjects.of(learner)
    (row,) = await tools.connection.execute("SELECT * FROM learner_keys WHERE subject = %s", (subject,))
    assert learner.tenant_id not in str(row)
    assert learner.learner_id not in str(row)
    wrapped = (await tools.lives.read([subject]))[0]
    assert wrapped is not None
    assert wrapped.key is not None
    key = await tools.unwrap(tools.life_key(FIRST_LIFE.of(learner)), wrapped.key)
    assert key not in row.wrapped
    assert b"hello" not in cell


async def test_nobody_makes_a_key_for_reading(tools: KeyTools, learner: Learner) -> None:
    """Who only asks leaves no row, and finds the key that another makes afterwards."""
    reader = LearnerKeys(tools, writes=False)
    assert not (await reader.find([learner]))[learner].cells.has_key
    assert await tools.lives.read([tools.subjects.of(learner)]) == [None]
    cell = await sealed(writing(tools), learner)
    assert await opened(reader, learner, cell) == "hello"


async def test_who_asks_at_once_is_answered_by_one_look_up(
    tools: KeyTools, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And for the next minute by none."""
    await sealed(writing(tools), learner)
    read = AsyncMock(side_effect=tools.lives.read)
    monkeypatch.setattr(tools.lives, "read", read)
    reader = LearnerKeys(tools, writes=False)
    await asyncio.gather(*(reader.find([learner]) for _ in range(20)))
    await reader.find([learner])
    assert read.await_count == 1


async def test_a_look_up_outlives_who_asked_for_it(tools: KeyTools, learner: Learner) -> None:
    """One request that is cancelled does not take another's answer along."""
    cell = await sealed(writing(tools), learner)
    reader = LearnerKeys(tools, writes=False)
    first, second = (asyncio.create_task(opened(reader, learner, cell)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "hello"
    assert first.cancelled()


@pytest.mark.parametrize("writes", [True, False])
async def test_a_destroyed_key_is_soon_in_no_process(
    tools: KeyTools,
    learner: Learner,
    writes: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It leaves the memory by itself, also where nobody asks again; who asks later finds the life over."""
    monkeypatch.setattr(learner_keys, "KEPT_SECONDS", 0.5)
    keys = LearnerKeys(tools, writes=writes)
    cell = await sealed(writing(tools), learner)
    assert await opened(keys, learner, cell) == "hello"
    subject = tools.subjects.of(learner)
    await tools.lives.end(subject, FIRST_LIFE.generation)
    await until_async(lambda: _answer(not keys._held), 5, "the key's leaving the memory")
    assert not (await keys.find([learner]))[learner].life.alive
    with pytest.raises(CellDamaged):
        await opened(keys, learner, cell)
    kept = (await tools.lives.read([subject]))[0]
    assert kept is not None
    assert kept.key is None


async def _answer(value: bool) -> bool:  # noqa: FBT001 - it is the answer
    return value


async def test_what_is_sealed_after_the_end_is_sealed_for_nobody(tools: KeyTools, learner: Learner) -> None:
    """Who was under way when the key went writes cells that no key opens."""
    keys = writing(tools)
    before = await sealed(keys, learner)
    await tools.lives.end(tools.subjects.of(learner), FIRST_LIFE.generation)
    keys.forget(learner)
    after = await sealed(keys, learner)
    assert after != before
    assert b"hello" not in after
    with pytest.raises(KeyStoreUnavailable):
        (await keys.find([learner]))[learner].readable(FIRST_LIFE.of(learner))


async def test_an_end_and_a_beginning_at_once_end_it(tools: KeyTools) -> None:
    """Whichever comes first, a learner whose erasure has returned has no key."""
    learners = [Learner(f"tenant-{uuid.uuid4()}", f"learner-{number}") for number in range(20)]
    subjects = [tools.subjects.of(one) for one in learners]
    ends = [tools.lives.end(one, FIRST_LIFE.generation) for one in subjects]
    await asyncio.gather(writing(tools).make(learners), *ends)
    for kept in await tools.lives.read(subjects):
        assert kept is not None
        assert not kept.life.alive
        assert kept.key is None


async def test_who_may_have_missed_an_end_asks_again(tools: KeyTools, learner: Learner) -> None:
    """A life that is kept in mind counts until it is forgotten."""
    keys = writing(tools)
    await sealed(keys, learner)
    await tools.lives.end(tools.subjects.of(learner), FIRST_LIFE.generation)
    assert (await keys.find([learner]))[learner].life.alive
    keys.forget_all()
    assert not (await keys.find([learner]))[learner].life.alive


async def test_nothing_holds_a_key_that_had_to_leave(
    tools: KeyTools, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not the timer that would have made it leave later."""
    monkeypatch.setattr(learner_keys, "MAX_KEPT", 2)
    keys = writing(tools)
    cells = (await keys.make([learner]))[learner].cells
    for number in range(2):
        await keys.find([learner._replace(learner_id=f"other-{number}")])
    gc.collect()
    # By type: others' weak proxies, which are among them, must not be looked into.
    assert not any(type(one) is Held and one.cells is cells for one in gc.get_objects())


async def test_the_fence_is_noted_once(tools: KeyTools, learner: Learner) -> None:
    """Behind an ended life only, and the first position stays."""
    subject = tools.subjects.of(learner)
    await sealed(writing(tools), learner)
    await tools.lives.fence(subject, 1, 5)
    (living,) = await tools.lives.read([subject])
    assert living is not None
    assert living.ended is None
    await tools.lives.end(subject, 1)
    for position in (7, 9):
        await tools.lives.fence(subject, 1, position)
    (ended,) = await tools.lives.read([subject])
    assert ended is not None
    assert ended.ended == 7


async def test_no_more_lives_are_kept_than_fit(
    tools: KeyTools, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least recently used leave first."""
    monkeypatch.setattr(learner_keys, "MAX_KEPT", 2)
    keys = writing(tools)
    many = [learner._replace(learner_id=f"learner-{number}") for number in range(4)]
    for one in many:
        await keys.find([one])
    assert list(keys._held) == many[2:]


async def test_without_encryption_cells_are_plain_and_no_key_is_made(migrated: Settings, learner: Learner) -> None:
    """What was sealed before stays readable, and the other way round."""
    connection = await Connection.open(migrated)
    on = await KeyTools.open(connection, migrated)
    off = await KeyTools.open(connection, changed(migrated, message_encryption=False))
    cell = await sealed(writing(off), learner)
    assert cell == b"\x00hello"
    assert await on.lives.read([on.subjects.of(learner)]) == [None]
    cells = [cell, await sealed(writing(on), learner)]
    assert b"hello" not in cells[1]
    for tools in (on, off):
        assert [await opened(writing(tools), learner, one) for one in cells] == ["hello"] * 2
    assert await sealed(writing(off), learner) == b"\x00hello"
    await connection.close()


async def test_a_key_of_an_older_epoch_is_wrapped_anew_before_it_seals(own: Settings, learner: Learner) -> None:
    """Whoever writes sees to it that the key outlives the epoch; who only reads leaves it as it is."""
    connection = await Connection.open(own)
    tools = await KeyTools.open(connection, own)
    cell = await sealed(writing(tools), learner)
    before = (await Epochs.load(connection)).current
    epoch = await tools.keys.new_epoch()
    assert await open_epoch(connection, epoch, await check_value(tools.keys, epoch), before)
    assert not await open_epoch(connection, "late", b"", before)
    assert await opened(LearnerKeys(tools, writes=False), learner, cell) == "hello"
    assert await _epoch_of(tools, learner) == before
    assert await opened(writing(tools), learner, cell) == "hello"
    assert await _epoch_of(tools, learner) == epoch
    await connection.close()


async def _epoch_of(tools: KeyTools, learner: Learner) -> str | None:
    (kept,) = await tools.lives.read([tools.subjects.of(learner)])
    return kept.key.epoch if kept and kept.key else None


async def test_migrating_makes_one_epoch_for_ever(own: Settings) -> None:
    """Also where two do it at once; in a folder that is not there in production it makes none."""
    connection = await Connection.open(own)
    await asyncio.gather(*(migrate(own) for _ in range(2)))
    epochs = await Epochs.load(connection)
    assert [one.name for one in epochs.known] == [epochs.current]
    assert [f"{epochs.current}.key"] == _names(own.kek_folder)
    await connection.close()


def test_in_production_the_folder_must_be_there(servers: Addresses, tmp_path: Path) -> None:
    """Somebody has to decide where the keys lie, and who may read them."""
    folder = tmp_path / "keys"
    with keyspace(servers, message_encryption=False, privacy_enabled=False) as settings:
        production = changed(settings, message_encryption=True, kek_folder=folder).model_copy(
            update={"environment": Environment.PRODUCTION}
        )
        with pytest.raises(KeyStoreUnfit, match="KEK_FOLDER"):
            asyncio.run(migrate(production))
        KeyFolder.make(folder)
        asyncio.run(migrate(production))
    assert len(_names(folder)) == 1


@pytest.mark.parametrize(
    ("loss", "error"), [("folder", "KeyStoreUnfit"), ("file", "KeyStoreUnfit"), ("other", "UnwrapFailed")]
)
def test_without_the_right_key_nothing_starts(
    servers: Addresses, loss: str, error: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Neither worker nor migration makes a second epoch where the first one's key is lost."""
    house = clean_house(servers, kek_folder=tmp_path / "keys")
    _lose(house.kek_folder, loss)
    left = _names(house.kek_folder)
    with pytest.raises(KeyStoreUnfit):
        asyncio.run(migrate(house))
    worker = start_worker(house)
    assert worker.exit_status() == 74
    (said,) = worker.said("worker_ended")
    assert said["error"] == error
    assert asyncio.run(_epochs(house)) == 1
    assert _names(house.kek_folder) == left
    drop_keyspace(house)


async def _epochs(settings: Settings) -> int:
    connection = await Connection.open(settings)
    known = (await Epochs.load(connection)).known
    await connection.close()
    return len(known)


def _lose(folder: Path, loss: str) -> None:
    (file,) = folder.glob("2*.key")
    if loss == "folder":
        shutil.rmtree(folder)
    elif loss == "file":
        file.unlink()
    else:
        file.write_bytes(bytes(32))


def _names(folder: Path) -> list[str]:
    """The keys of epochs; those of commands and dead letters have other names and lives."""
    return sorted(one.name for one in folder.glob("2*.key"))


async def test_a_key_that_is_away_is_waited_for(own: Settings, learner: Learner) -> None:
    """A file that goes while the service runs is no verdict on anybody's data."""
    connection = await Connection.open(own)
    await sealed(writing(await KeyTools.open(connection, own)), learner)
    fresh = await KeyTools.open(connection, own)
    fresh.keys._held.clear()  # type: ignore[attr-defined]
    (name,) = _names(own.kek_folder)
    aside = own.kek_folder.parent / name
    shutil.move(own.kek_folder / name, aside)
    with pytest.raises(KeyStoreUnavailable):
        await writing(fresh).find([learner])
    shutil.move(aside, own.kek_folder / name)
    assert (await writing(fresh).find([learner]))[learner].cells.has_key
    await connection.close()
