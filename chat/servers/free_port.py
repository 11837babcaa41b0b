"""TCP ports: is one free, and which one may a server take."""

import random
import socket
from collections.abc import Sequence

LOCALHOST = "127.0.0.1"
# Below the range that systems hand out to outgoing connections: a server that is down for a moment keeps its port.
CANDIDATES = range(15_000, 30_000)
_given: set[int] = set()


def is_free(port: int, hosts: Sequence[str] = (LOCALHOST,)) -> bool:
    """Whether a server can listen on the port on every one of the hosts."""
    return all(_can_bind(host, port) for host in hosts)


def free_port(hosts: Sequence[str] = (LOCALHOST,)) -> int:
    """A port that nobody listens on at this moment; another one at each call, as long as there are others."""
    # A server that was given one may not listen yet, or be down for a moment.
    tried = sorted(random.sample(CANDIDATES, len(CANDIDATES)), key=_given.__contains__)
    port = next(port for port in tried if is_free(port, hosts))
    _given.add(port)
    return port


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection in TIME_WAIT is no hindrance, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
