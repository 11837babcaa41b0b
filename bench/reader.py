"""Who answers with pages of messages, and how they are asked."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contender import Contender, program
from bench.measure import Seen
from bench.workload import Place
from bench.workloads import PAGES
from chat.servers.process import ServerProcess
from chat.settings import Settings

AT_ONCE = 16
"""Pages asked for side by side."""


class Reader(NamedTuple):
    """A program that shows what the contender `of` has written; without a `module` that contender itself shows it.

    `read` asks for the newest page of each of these threads, `AT_ONCE` side by side. `bare`: it has no program to ask,
    `read` does all of it.
    """

    name: str
    of: Contender
    read: Callable[[Settings, list[Place]], Seen]
    module: str | None = None
    ready: Callable[[Settings], bool] | None = None
    bare: bool = False

    @contextmanager
    def running(self, settings: Settings, logs: Path) -> Iterator[ServerProcess]:
        """Its process, ready. Raises `ContenderError`."""
        with program(str(self.module), lambda: self.ready is None or self.ready(settings), logs) as process:
            yield process


class Reading(NamedTuple):
    """So many pages, each of one of `threads` that lot decides; `seed` of the lots."""

    pages: int
    seed: int
    threads: int = PAGES.threads


def reading(reader: Reader, settings: Settings, asked: Reading) -> Seen:
    """Asks for pages, in the caller's process."""
    dice = random.Random(asked.seed)
    return reader.read(settings, [PAGES.place(dice.randrange(asked.threads)) for _ in range(asked.pages)])
