"""Seconds that pass, whatever somebody does to the wall clock."""

import time

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where the system has such a clock."""


def seconds() -> float:
    """Seconds since some moment, those of a suspended machine too."""
    return time.clock_gettime(_CLOCK)
