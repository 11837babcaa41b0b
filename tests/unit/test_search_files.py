"""Whatever lies under a path is searched, or told: links, folders that nobody may list, what is no file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.domain.model import Learner
from chat.errors import CellDamaged
from chat.privacy.search.disk import DiskSearch, Wanted
from chat.privacy.traces import Searched, Trace, What

CANARY = "an unmistakable canary"


def lost(*_: object) -> str:
    raise CellDamaged("no key")


async def found(root: Path) -> list[Trace]:
    wanted = Wanted(Searched(Learner("tenant-1", "learner-1"), lost), [CANARY])
    return [one async for one in DiskSearch([]).traces(root, wanted)]


async def places(root: Path, what: What) -> list[str]:
    """Below a folder, without the place in a file."""
    told = [one.place.removeprefix(f"{root}/").partition("@")[0] for one in await found(root) if one.what is what]
    return sorted(told)


async def test_a_folder_behind_a_link_is_searched(tmp_path: Path) -> None:
    """Under the link's name; a link back to a folder above it leads nowhere new."""
    disk, data = tmp_path / "disk", tmp_path / "cassandra" / "data"
    disk.mkdir()
    data.mkdir(parents=True)
    (disk / "CommitLog").write_text(CANARY)
    (data.parent / "commitlog").symlink_to(disk)
    (data / "again").symlink_to(data.parent)
    (disk / "data").symlink_to(data)
    assert await places(tmp_path / "cassandra", What.WORDS) == ["commitlog/CommitLog"]


async def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name and why; what lies beside it is searched."""
    closed = tmp_path / "a"
    closed.mkdir()
    (tmp_path / "b").write_text(CANARY)
    listed = Path.iterdir

    def refused(folder: Path) -> Iterator[Path]:
        if folder == closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert [tuple(one) for one in await found(tmp_path)] == [
        (What.UNREAD, str(closed), "Permission denied"),
        (What.WORDS, f"{tmp_path / 'b'}@0", "text 1"),
    ]


async def test_what_is_no_file_is_told_and_never_opened(tmp_path: Path) -> None:
    """A pipe would be waited for, whatever its name; a link may lead nowhere."""
    partition = tmp_path / "chat.events-0"
    partition.mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(partition / "00000000000000000000.log")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert await places(tmp_path, What.UNREAD) == ["chat.events-0/00000000000000000000.log", "nowhere", "pipe"]
