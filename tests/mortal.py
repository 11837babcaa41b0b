"""Workers that are to die often: their requests are soon found again, and so are they."""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from streams.runner import Runner


@contextmanager
def hasty_runner() -> Iterator[None]:
    """Inside, the requests of who died are taken over after two seconds; a lease of one may be none."""
    hasty = functools.partial(Runner, lease_seconds=2, renewal_seconds=0.5)
    with patch("streams.bootstrap.Runner", hasty), patch("streams.runner.PAUSE_SECONDS", 0.1):
        yield


def reborn(live: Callable[[], int]) -> int:
    """Runs `live` in a child, and in another one after each SIGKILL; the exit status of who ended otherwise.

    What every child has to import is imported once. SIGTERM is handed on.
    """
    while True:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            return live()
        signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended != -signal.SIGKILL:
            return ended
