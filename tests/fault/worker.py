"""A worker whose clock jumps when it is told to, and that does not keep an erasure waiting for long.

Run it: `python -m tests.fault.worker`. SIGUSR1 sets its clock an hour ahead, SIGUSR2 an hour back. Only Python's wall
clock jumps, `time.time` and `time.time_ns`, in all that runs in the process: the service reads no other one. SIGQUIT
asks what it waits for.
"""

import signal
import sys
import time
from types import FrameType
from unittest.mock import patch

from chat.settings import load
from chat.storage import learner_keys
from streams.run import run
from tests.erasure_worker import KEPT_SECONDS
from tests.fault.waits import tell_when_asked
from tests.mortal import hasty_runner

PROGRAM = ("tests.fault.worker",)
HOUR = 3_600
AHEAD, BACK = signal.SIGUSR1, signal.SIGUSR2
JUMPS = {AHEAD: HOUR, BACK: -HOUR}


class Clock:
    """The wall clock, off by some seconds."""

    def __init__(self) -> None:
        self._off = 0
        self._time, self._time_ns = time.time, time.time_ns

    def time(self) -> float:
        return self._time() + self._off

    def time_ns(self) -> int:
        return self._time_ns() + self._off * 10**9

    def jump(self, number: int, _frame: FrameType | None) -> None:
        self._off += JUMPS[signal.Signals(number)]


if __name__ == "__main__":
    clock = Clock()
    for one in JUMPS:
        signal.signal(one, clock.jump)
    tell_when_asked()
    learner_keys.KEPT_SECONDS = KEPT_SECONDS
    with patch("time.time", clock.time), patch("time.time_ns", clock.time_ns), hasty_runner():
        sys.exit(run(load()))
