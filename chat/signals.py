"""How a process is told to end."""

import asyncio
import signal


def told_to_stop() -> asyncio.Event:
    """Set by SIGINT and SIGTERM from now on, in the running event loop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    return stop
