"""A worker of short memory, that kills itself where a file says so. Run it: `python -m tests.erasure_worker`.

`die-before-<step>` and `die-after-<step>` in its folder are deaths of an erasure, or an enrolment, each died once;
it lives again at once.
"""

import functools
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chat.domain.privacy import Kind, Request
from chat.privacy.job import Job, Jobs, Save, registry
from chat.settings import Settings, load
from chat.storage import learner_keys
from streams.bootstrap import Servers, build, privacy_jobs
from streams.emit import Emitter
from streams.run import run
from streams.waiting import Waiting
from tests.mortal import hasty_runner, reborn

PROGRAM = "tests.erasure_worker"
KEPT_SECONDS = 2.0
"""How long its learners' keys stay in memory."""


@dataclass(frozen=True)
class DeadlyJob:
    """A job in a worker that dies around its steps."""

    inner: Job

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    @property
    def steps(self) -> Sequence[str]:
        return self.inner.steps

    async def do(self, request: Request, step: str, save: Save) -> str:
        _die(f"die-before-{step}")
        notes = await self.inner.do(request, step, save)
        _die(f"die-after-{step}")
        return notes


def _die(name: str) -> None:
    if Path(name).exists():
        Path(name).unlink()
        os.kill(os.getpid(), signal.SIGKILL)


async def jobs(settings: Settings, servers: Servers, waiting: Waiting, emitter: Emitter) -> Jobs:
    """The service's own, each of them deadly."""
    return registry(*map(DeadlyJob, (await privacy_jobs(settings, servers, waiting, emitter)).values()))


if __name__ == "__main__":
    learner_keys.KEPT_SECONDS = KEPT_SECONDS
    with hasty_runner():
        sys.exit(reborn(lambda: run(load(), functools.partial(build, make_jobs=jobs))))
