"""The version before this one, out of the repository's history: the commit before the newest migration came."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from chat.storage.migrate import FOLDER, migrations
from tests.worker import ROOT


def previous_version(folder: Path) -> Path:
    """The tree of that commit, unpacked. A clone without history has none: `git fetch --unshallow` first."""
    newest = FOLDER.relative_to(ROOT) / f"{migrations()[-1].name}.cql"
    added = _git("log", "--diff-filter=A", "--format=%H", "--", str(newest)).decode().split()
    assert added, f"the history of {newest} is not in this clone"
    with tarfile.open(fileobj=BytesIO(_git("archive", f"{added[-1]}^"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> bytes:
    ended = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout
