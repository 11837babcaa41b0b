"""The workloads: one file each."""

from bench.workloads.hot import HOT
from bench.workloads.mixed import MIXED
from bench.workloads.one_thread import ONE_THREAD
from bench.workloads.pages import PAGES
from bench.workloads.refused import REFUSED
from bench.workloads.spread import SPREAD

__all__ = ["HOT", "MIXED", "ONE_THREAD", "PAGES", "REFUSED", "SPREAD", "WORKLOADS"]

WORKLOADS = (HOT, SPREAD, ONE_THREAD, MIXED, REFUSED)
"""In the order in which they are played."""
