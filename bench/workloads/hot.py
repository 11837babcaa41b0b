"""Few learners, each with many messages."""

from bench.workload import Workload

HOT = Workload("hot", 2, threads=200, latency=True)
