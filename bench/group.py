"""Several workers of one group, each a process of its own."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from bench.contender import GRACE_SECONDS, shares, start, wait
from chat.servers.free_port import free_port
from chat.servers.process import ServerProcess
from chat.settings import Settings


@contextmanager
def group(module: str, members: int, settings: Settings, logs: Path) -> Iterator[list[ServerProcess]]:
    """So many processes that run a module, when each owns its share. Raises `ContenderError`."""
    with ExitStack() as stack:
        processes = [stack.enter_context(member(module, number, logs)) for number in range(members)]
        for process in processes:
            wait(process, lambda: settled(settings, members))
        yield processes


@contextmanager
def member(module: str, number: int, logs: Path) -> Iterator[ServerProcess]:
    """One of them, started and not waited for."""
    with patch.dict(os.environ, {"METRICS_PORT": str(free_port())}):
        process = start(module, logs / f"{module}-{number}.log")
    try:
        yield process
    finally:
        process.stop(GRACE_SECONDS)


def settled(settings: Settings, members: int) -> bool:
    """Whether every partition is owned, and each of so many members owns some."""
    owned = shares(settings)
    return len(owned) == members and min(owned) > 0 and sum(owned) >= settings.topic_partitions
