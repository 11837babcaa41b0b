"""The folder of key-encryption keys."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from chat.clock import seconds
from chat.errors import KeyStoreReadOnly, KeyStoreUnavailable, KeyStoreUnfit
from chat.privacy import key_folder
from chat.privacy.kek import check_value, require_fitting
from chat.privacy.key_folder import KeyFolder
from tests.wait import until_async

DATA_KEY = bytes(range(32))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def only_file(folder: Path) -> Path:
    (file,) = files(folder)
    return file


def let_in(path: Path, mode: int) -> None:
    path.chmod(mode)


def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the machine was suspended meanwhile or not."""
    later = seconds() + key_folder.HELD_SECONDS + 1
    monkeypatch.setattr(key_folder, "seconds", lambda: later)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "deep" / "keys"
    KeyFolder.make(made)
    return made


def test_only_its_owner_reads_the_folder_and_its_files(folder: Path) -> None:
    """0700 and 0600, whatever the umask lets through."""
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_what_is_wrapped_is_unwrapped(folder: Path) -> None:
    """With the same additional data, also by another process; the file is its owner's alone."""
    keys = KeyFolder(folder)
    epoch = await keys.new_epoch()
    wrapped = await keys.wrap(epoch, DATA_KEY, "learner-1")
    assert DATA_KEY not in wrapped
    assert await KeyFolder(folder).unwrap(epoch, wrapped, "learner-1") == DATA_KEY
    file = only_file(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_bytes()) == 32


async def test_what_is_bound_elsewhere_does_not_open(folder: Path) -> None:
    """Neither another learner's, nor another epoch's, nor a changed one."""
    keys = KeyFolder(folder)
    epoch, other = [await keys.new_epoch() for _ in range(2)]
    wrapped = await keys.wrap(epoch, DATA_KEY, "learner-1")
    for tried in ((epoch, wrapped, "learner-2"), (other, wrapped, "learner-1"), (epoch, wrapped[:-1], "learner-1")):
        with pytest.raises(KeyStoreUnfit):
            await keys.unwrap(*tried)


async def test_every_epoch_has_a_name_and_a_key_of_its_own(folder: Path) -> None:
    """Keyspaces may share a folder."""
    names = {await KeyFolder(folder).new_epoch() for _ in range(8)}
    assert {f"{name}.key" for name in names} == {one.name for one in files(folder)}
    assert len({one.read_bytes() for one in files(folder)}) == len(names) == 8


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o755])
async def test_a_folder_that_lets_others_in_is_unfit(folder: Path, mode: int) -> None:
    """Its mode and what to do about it are in the text."""
    epoch = await KeyFolder(folder).new_epoch()
    let_in(folder, mode)
    with pytest.raises(KeyStoreUnfit, match=f"mode {mode:o}.*chmod go="):
        await KeyFolder(folder).wrap(epoch, DATA_KEY, "x")
    with pytest.raises(KeyStoreUnfit):
        await KeyFolder(folder).new_epoch()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
async def test_a_file_that_lets_others_in_is_unfit(folder: Path, mode: int) -> None:
    """A key that others may have read is none."""
    epoch = await KeyFolder(folder).new_epoch()
    let_in(only_file(folder), mode)
    with pytest.raises(KeyStoreUnfit, match=f"mode {mode:o}"):
        await KeyFolder(folder).wrap(epoch, DATA_KEY, "x")


async def test_anothers_folder_is_unfit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns it could change the keys."""
    epoch = await KeyFolder(folder).new_epoch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyStoreUnfit, match="must belong"):
        await KeyFolder(folder).wrap(epoch, DATA_KEY, "x")


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)])
async def test_a_key_of_another_length_is_unfit(folder: Path, content: bytes) -> None:
    """Thirty-two bytes, neither cut nor with a line's end behind them."""
    epoch = await KeyFolder(folder).new_epoch()
    only_file(folder).write_bytes(content)
    with pytest.raises(KeyStoreUnfit, match="must hold 32 bytes"):
        await KeyFolder(folder).wrap(epoch, DATA_KEY, "x")


async def test_a_folder_that_is_not_there_is_unfit(folder: Path) -> None:
    """It is never made by who only reads; a file in its place is none either."""
    epoch = await KeyFolder(folder).new_epoch()
    for path in (folder / "none", folder / f"{epoch}.key"):
        with pytest.raises(KeyStoreUnfit):
            await KeyFolder(path).new_epoch()
    assert not (folder / "none").exists()


async def test_a_key_that_goes_while_it_is_needed_is_waited_for(folder: Path) -> None:
    """A process that runs may get it back."""
    keys = KeyFolder(folder)
    epoch = await keys.new_epoch()
    file = only_file(folder)
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(KeyStoreUnavailable):
        await keys.wrap(epoch, DATA_KEY, "x")
    file.write_bytes(content)
    file.chmod(0o600)
    assert await keys.wrap(epoch, DATA_KEY, "x")


async def test_a_destroyed_key_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the disk, at once from the process that did it, and soon from the others; a second time is no fault."""
    keys, other = KeyFolder(folder), KeyFolder(folder)
    epoch = await keys.new_epoch()
    wrapped = await other.wrap(epoch, DATA_KEY, "x")
    for _ in range(2):
        await keys.destroy(epoch)
    assert files(folder) == []
    assert not await keys.has(epoch)
    with pytest.raises(KeyStoreUnavailable):
        await keys.unwrap(epoch, wrapped, "x")
    a_minute_later(monkeypatch)
    with pytest.raises(KeyStoreUnavailable):
        await other.unwrap(epoch, wrapped, "x")


@pytest.mark.parametrize("step", ["open", "unlink"])
async def test_a_key_that_another_process_destroys_meanwhile_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The slower one finds no file, to overwrite or to take away: that is no fault."""
    epoch = await KeyFolder(folder).new_epoch()
    do, unlink = getattr(Path, step), Path.unlink

    def too_late(file: Path, *asked: Any) -> Any:
        unlink(file)
        return do(file, *asked)

    monkeypatch.setattr(Path, step, too_late)
    await KeyFolder(folder).destroy(epoch)
    assert files(folder) == []


async def test_a_key_is_let_go_of_though_nobody_uses_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a timer, or sooner with another key's use: one that another process destroyed is in no memory then."""
    keys = KeyFolder(folder)
    ended, current = [await keys.new_epoch() for _ in range(2)]
    await keys.wrap(ended, DATA_KEY, "x")
    a_minute_later(monkeypatch)
    await keys.wrap(current, DATA_KEY, "x")
    assert set(keys._held) == {current}
    monkeypatch.setattr(key_folder, "HELD_SECONDS", 0.0)
    alone = KeyFolder(folder)
    await alone.wrap(ended, DATA_KEY, "x")
    assert set(alone._held) == {ended}
    await until_async(lambda: not alone._held, 5)


async def test_another_key_under_the_epochs_name_is_noticed(folder: Path) -> None:
    """The check value opens with the epoch's own key only."""
    keys = KeyFolder(folder)
    epoch = await keys.new_epoch()
    checked = [(epoch, await check_value(keys, epoch))]
    await require_fitting(KeyFolder(folder), checked)
    file = only_file(folder)
    file.write_bytes(bytes(32))
    with pytest.raises(KeyStoreUnfit, match="does not open"):
        await require_fitting(KeyFolder(folder), checked)
    file.unlink()
    with pytest.raises(KeyStoreUnfit, match="restore it, never make another"):
        await require_fitting(KeyFolder(folder), checked)


def refusing(number: int) -> Callable[..., NoReturn]:
    """In the place of what a file system is asked for."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
async def test_a_folder_that_can_only_be_read_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As in a pod, which has copies: what is there opens on."""
    keys = KeyFolder(folder)
    epoch = await keys.new_epoch()
    wrapped = await keys.wrap(epoch, b"k" * 32, "x")

    monkeypatch.setattr("chat.privacy.key_folder.write_new", refusing(number))
    with pytest.raises(KeyStoreReadOnly, match="can only be read"):
        await keys.new_epoch()
    monkeypatch.setattr(Path, "open", refusing(number))
    with pytest.raises(KeyStoreReadOnly):
        await keys.destroy(epoch)
    monkeypatch.undo()
    assert await KeyFolder(folder).has(epoch)
    assert await keys.unwrap(epoch, wrapped, "x") == b"k" * 32


async def test_a_full_disk_is_no_folder_for_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.privacy.key_folder.write_new", refusing(errno.ENOSPC))
    with pytest.raises(KeyStoreUnfit, match="cannot be changed") as caught:
        await KeyFolder(folder).new_epoch()
    assert not isinstance(caught.value, KeyStoreReadOnly)
