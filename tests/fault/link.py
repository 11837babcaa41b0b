"""The way from the workers to a server, which a test may make slow, break, or let fall silent."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.cassandra_proxy import CassandraProxy
from tests.proxy import Proxy


class Link:
    """A proxy whose event loop runs in another thread."""

    def __init__(self, proxy: Proxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = proxy
        self._loop = loop
        self.port = proxy.port

    @contextmanager
    def late(self, seconds: float) -> Iterator[None]:
        """Inside, each piece of bytes is late by so much, either way."""
        self._proxy.delay = seconds
        yield
        self._proxy.delay = 0.0

    @contextmanager
    def crumbled(self) -> Iterator[None]:
        """Inside, the first bytes of each piece come one by one, either way."""
        self._proxy.crumbled = True
        yield
        self._proxy.crumbled = False

    @contextmanager
    def silent(self, *, answers_only: bool = False) -> Iterator[None]:
        """Inside, connections stay and nothing comes through; what the server was told arrives with `answers_only`."""
        gates = [self._proxy.answers] if answers_only else [self._proxy.requests, self._proxy.answers]
        for gate in gates:
            self._loop.call_soon_threadsafe(gate.clear)
        yield
        for gate in gates:
            self._loop.call_soon_threadsafe(gate.set)

    @contextmanager
    def doubtful(self, share: float) -> Iterator[None]:
        """Inside, a share of the writes that Cassandra did is answered with a time-out."""
        assert isinstance(self._proxy, CassandraProxy)
        self._proxy.doubt = share
        yield
        self._proxy.doubt = 0.0

    def cut(self) -> None:
        """Resets every connection."""
        self._loop.call_soon_threadsafe(self._proxy.cut)


@contextmanager
def linked(*proxies: Proxy) -> Iterator[list[Link]]:
    """A link for each proxy, open inside."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="links", daemon=True)
    thread.start()
    with ExitStack() as stack:
        stack.callback(loop.close)
        stack.callback(thread.join)
        stack.callback(loop.call_soon_threadsafe, loop.stop)
        stack.callback(_run, loop, _end_others)
        for one in proxies:
            _run(loop, one.open)
            stack.callback(_run, loop, one.close)
        yield [Link(one, loop) for one in proxies]


def _run(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Returns when the other thread's loop has done it."""
    asyncio.run_coroutine_threadsafe(work(), loop).result()


async def _end_others() -> None:
    """Connections that were let through end before their loop does."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
