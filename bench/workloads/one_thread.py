"""All messages in one thread: nothing can be done side by side. Every play takes a thread that is empty."""

from bench.workload import Workload

ONE_THREAD = Workload("one thread", 3, threads=16, used=1)
