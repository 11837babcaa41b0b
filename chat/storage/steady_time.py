"""Time for the driver, which counts time-outs, heartbeats and reconnections by the wall clock: where that is put back
by an hour while Cassandra is away, it would connect to nobody for an hour.
"""

import time
from types import ModuleType
from typing import Any

from cassandra import cluster, connection, pool


class SteadyTime(ModuleType):
    """The module `time`, but that `time()` goes on evenly from now on, whatever becomes of the wall clock."""

    def __init__(self) -> None:
        super().__init__("time")
        self._ahead = time.time() - time.monotonic()

    def time(self) -> float:
        """Seconds since 1970, as of when this was made."""
        return time.monotonic() + self._ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def steady() -> None:
    """From now on the driver goes by it, but for what it writes: those times are ours."""
    clock = SteadyTime()
    for module in (cluster, connection, pool):
        module.time = clock
