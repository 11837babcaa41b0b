"""A driver that sends a lightweight transaction again, because the answer to the first one was lost."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chat.privacy.kek import check_value
from chat.privacy.key_store import key_store
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage import command_keys, migrate
from chat.storage.key_epochs import Epochs, open_epoch
from chat.storage.learner_keys import KeyTools
from chat.storage.rotation import rotate
from chat.storage.sealing_end import sealing_keys
from chat.storage.sealing_keys import Purpose, SealingKeys
from chat.storage.session import Connection
from tests.keyspace import keyspace

KEY = bytes(range(32))


async def _nothing() -> None:
    """What happens between a statement and its repeat, where nothing does."""


class Repeating(Connection):
    """Sends every conditional statement twice and hears the second answer; `meanwhile` comes in between, once."""

    meanwhile: Callable[[], Awaitable[object]] = staticmethod(_nothing)

    async def execute(self, statement: Any, values: Sequence[Any] | None = None) -> list[Any]:
        if " IF " in str(getattr(statement, "query_string", statement)):
            await super().execute(statement, values)
            meanwhile, self.meanwhile = self.meanwhile, _nothing
            await meanwhile()
        return await super().execute(statement, values)


@pytest.fixture
def settings(servers: Addresses, tmp_path: Path) -> Iterator[Settings]:
    with keyspace(servers, kek_folder=tmp_path / "keys") as found:
        yield found


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Repeating]:
    opened = await Repeating.open(settings)
    yield opened
    await opened.close()


@pytest.fixture
def letters(connection: Repeating, settings: Settings) -> SealingKeys:
    return sealing_keys(connection, settings, Purpose.LETTERS)


@pytest.fixture
def commands(connection: Repeating, settings: Settings) -> SealingKeys:
    return sealing_keys(connection, settings, Purpose.COMMANDS)


async def no_bundles() -> int:
    """For a service without exports."""
    return 0


async def opened(keys: SealingKeys) -> list[bool]:
    """Whether each key of a purpose can be had."""
    return [await keys.unwrap(one) is not None for one in (await keys.load()).known]


def files(settings: Settings) -> int:
    """How many key-encryption keys there are."""
    return len(list(settings.kek_folder.iterdir()))


def test_a_migration_keeps_the_keys_that_it_makes(
    servers: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first epoch's and that of the first command key; a second migration finds both in order."""
    monkeypatch.setattr(migrate, "Connection", Repeating)
    with keyspace(servers, kek_folder=tmp_path / "keys") as made:
        assert files(made) == 2


async def test_a_rotation_keeps_the_key_of_its_epoch(connection: Repeating, settings: Settings) -> None:
    """It goes on to its end, and who starts afterwards finds the key."""
    tools = await KeyTools.open(connection, settings)
    before = await tools.current()
    rotated = await rotate(tools, no_bundles)
    assert rotated.destroyed == [before]
    assert await tools.keys.has(rotated.epoch)
    assert await (await KeyTools.open(connection, settings)).current() == rotated.epoch


async def test_an_epoch_that_has_a_successor_by_then_was_opened(connection: Repeating, settings: Settings) -> None:
    """Its key may have wrapped something; the successor is not ours."""
    tools = await KeyTools.open(connection, settings)
    before = await tools.current()
    ours, theirs = [await tools.keys.new_epoch() for _ in range(2)]
    value = await check_value(tools.keys, theirs)
    plain = await Connection.open(settings)
    connection.meanwhile = lambda: open_epoch(plain, theirs, value, ours)
    assert await open_epoch(connection, ours, await check_value(tools.keys, ours), before)
    await plain.close()
    assert (await Epochs.load(connection)).current == theirs
    assert not await open_epoch(connection, "another", value, before)


async def test_a_days_key_is_kept(letters: SealingKeys, settings: Settings) -> None:
    """And the one who comes second with that day still leaves no key behind."""
    await letters.add("2024-05-01", KEY)
    kept = files(settings)
    await letters.add("2024-05-01", bytes(32))
    assert files(settings) == kept
    (day,) = (await letters.load()).known
    assert await letters.unwrap(day) == KEY


async def test_a_command_key_is_kept(connection: Repeating, commands: SealingKeys, settings: Settings) -> None:
    """Also one that has a successor by the time of the repeat: it goes on opening what was sealed to it."""
    await command_keys.renew(commands)
    plain = await Connection.open(settings)
    theirs = SealingKeys(plain, key_store(settings), Purpose.COMMANDS)
    connection.meanwhile = lambda: command_keys.renew(theirs)
    await command_keys.renew(commands)
    await plain.close()
    assert await opened(commands) == [True] * 4
    kept = files(settings)
    assert not await commands.succeed("aa", KEY, b"", "a-key-that-is-not-the-current-one")
    assert files(settings) == kept
