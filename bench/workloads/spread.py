"""Every message is another learner's: nothing can be batched by partition."""

from bench.workload import Workload

SPREAD = Workload("spread", 1, threads=5_000, cold=True, latency=True)
