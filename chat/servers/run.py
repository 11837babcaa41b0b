"""The embedded servers alone, until somebody stops them: what `chat servers` does."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from chat.servers.embedded import Addresses, EmbeddedConfig, EmbeddedServers

log = structlog.get_logger(__name__)
SECONDS_BETWEEN_LOOKS = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_servers(config: EmbeddedConfig, on_ready: Callable[[Addresses], None]) -> int:
    """Start the servers, call `on_ready`, and stop them on SIGINT or SIGTERM; the exit status.

    Only in a process's main thread. 0 when told to stop, 1 when a server ended by itself. Raises what
    `EmbeddedServers.start` raises.
    """
    with _stop_signals_interrupt():
        try:
            with EmbeddedServers(config) as servers:
                on_ready(servers.addresses)
                return _watch(servers)
        except KeyboardInterrupt:
            return 0


def _watch(servers: EmbeddedServers) -> int:
    while (dead := servers.died()) is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    log.error("a server ended by itself", server=dead.name, log=str(dead.log))
    return 1


@contextmanager
def _stop_signals_interrupt() -> Iterator[None]:
    """Inside, each stop signal raises KeyboardInterrupt, whatever the process inherited."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
