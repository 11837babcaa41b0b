"""A worker whose exports have small chunks, and which can be held or die while it keeps one.

Run it: `python -m tests.export_worker [deadly]`. It stays before the first messages of the bundle that the file `hold`
in its folder names, as long as that is there. A deadly one kills itself at every point of `DEATHS`,
once, and lives again.
"""

import functools
import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

from chat.privacy.export.build import BundleBuilder, Limits
from chat.privacy.export.folder_store import FolderStore
from chat.settings import Settings, load
from streams.run import run
from tests.mortal import hasty_runner, reborn
from tests.wait import until_async

PROGRAM = "tests.export_worker"
DEADLY = "deadly"
HOLD = "hold"
HELD_AT = "messages/000001"
POINTS = ("key", "threads/000001", HELD_AT, "messages/000002", "front", "manifest", "contents")
DEATHS = tuple(f"{when} {name}" for name in POINTS for when in ("before", "after"))
HELD_SECONDS = 120.0


class MortalStore(FolderStore):
    """A folder whose process may not live to the end of a put."""

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        await until_async(lambda: name != HELD_AT or _held() != bundle, HELD_SECONDS, "the end of the hold")
        _die(f"before {name}")
        done = await super().put(bundle, name, content)
        _die(f"after {name}")
        return done


def _held() -> str:
    return Path(HOLD).read_text() if Path(HOLD).exists() else ""


def grave(where: str) -> str:
    """The file, in its folder, that tells where it has died."""
    return f"died {where.replace('/', ' ')}"


def _die(where: str) -> None:
    if DEADLY in sys.argv and where in DEATHS and not Path(grave(where)).exists():
        Path(grave(where)).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _store(settings: Settings) -> MortalStore:
    return MortalStore(settings.export_folder)


if __name__ == "__main__":
    small = functools.partial(BundleBuilder, limits=Limits(records=3))
    with (
        patch("streams.exports.store_of", _store),
        patch("streams.exports.BundleBuilder", small),
        hasty_runner(),
    ):
        sys.exit(reborn(lambda: run(load())))
