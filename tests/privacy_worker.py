"""A worker with jobs that write what they do to a file. Run it: `python -m tests.privacy_worker`.

Requests for the reason `portability` are deadly: at every point of `DEATHS`, once, the worker kills itself, and
lives again.
"""

import functools
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chat.domain.privacy import Kind, Request
from chat.errors import JobFailed
from chat.privacy.job import Jobs, Save, registry
from chat.settings import Settings, load
from streams.bootstrap import Servers, build
from streams.emit import Emitter
from streams.run import run
from streams.waiting import Waiting
from tests.mortal import hasty_runner, reborn

PROGRAM = "tests.privacy_worker"
STEPS = ("gather", "pack", "store")
DEATHS = tuple(f"{when}-{step}" for step in STEPS for when in ("before", "after"))
EFFECTS = "effects.txt"


class FileJob:
    """Writes a line for each step into its worker's folder."""

    steps: Sequence[str] = STEPS

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    async def do(self, request: Request, step: str, _save: Save) -> str:
        self._die(request, f"before-{step}")
        if request.reason == "retention":
            raise JobFailed("legal_hold", held=True)
        _note(f"{request.key.request_id} {step}\n")
        self._die(request, f"after-{step}")
        return '{"steps":' + str(STEPS.index(step) + 1) + "}"

    def _die(self, request: Request, where: str) -> None:
        grave = Path(f"died-{where}")
        if request.reason == "portability" and not grave.exists():
            grave.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _note(line: str) -> None:
    with Path(EFFECTS).open("a") as file:
        file.write(line)


async def jobs(_settings: Settings, _servers: Servers, _waiting: Waiting, _emitter: Emitter) -> Jobs:
    """A job for exports and one for erasures; enrolments have none."""
    return registry(FileJob(Kind.EXPORT), FileJob(Kind.DELETION))


if __name__ == "__main__":
    with hasty_runner():
        sys.exit(reborn(lambda: run(load(), functools.partial(build, make_jobs=jobs))))
