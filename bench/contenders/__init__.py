"""The contenders: one program each, run as `python -m bench.contenders.<name>`."""

from bench.contender import Contender
from bench.house import tables_and_threads
from bench.http_door import HTTP

_OURS = "bench.contenders"

SERVICE = Contender("service", f"{_OURS}.service", checks=True, latency=True, furnish=tables_and_threads)
BARE_LOOP = Contender("bare loop", f"{_OURS}.bare_loop", latency=True)
PLAIN_FAUST = Contender("plain Faust", f"{_OURS}.plain_faust", share=20)
FASTSTREAM = Contender("FastStream", f"{_OURS}.faststream_handler", share=20)
QUIX_STREAMS = Contender("Quix Streams", f"{_OURS}.quix_streams", share=20)
FASTAPI_POSTGRES = Contender(
    "FastAPI + PostgreSQL", f"{_OURS}.fastapi_postgres", share=10, checks=True, latency=True, door=HTTP
)

CONTENDERS = (FASTAPI_POSTGRES, QUIX_STREAMS, FASTSTREAM, PLAIN_FAUST, SERVICE, BARE_LOOP)
"""Each round begins with another one; the servers warm up with the last two, which ask most of them."""
