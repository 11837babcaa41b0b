"""The contenders: one program each, run as `python -m bench.contenders.<name>`."""

from bench.contender import Contender
from bench.house import tables_and_threads

SERVICE = Contender("service", "bench.contenders.service", checks=True, latency=True, furnish=tables_and_threads)
BARE_LOOP = Contender("bare loop", "bench.contenders.bare_loop", latency=True)
PLAIN_FAUST = Contender("plain Faust", "bench.contenders.plain_faust", share=15)

CONTENDERS = (SERVICE, BARE_LOOP, PLAIN_FAUST)
"""In the order of each round."""
