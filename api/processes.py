"""Several API processes that answer at one address.

Their parent listens and answers nothing itself; each child inherits the socket, and the kernel gives a connection to
one that waits for it. A child that is killed is started again. One that ends by itself has a reason that the others
have too, so all end. A child stops where its standard input ends: when the parent tells it to, and when the parent is
no more.
"""

import asyncio
import os
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import structlog
from prometheus_client.multiprocess import mark_process_dead

from api import serve
from chat import logs
from chat.metrics import SHARED_FOLDER
from chat.settings import Settings, load
from chat.signals import told_to_stop

_log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Runs API_WORKERS processes; the exit status is 0 after SIGINT or SIGTERM, else that of the one that ended."""
    logs.configure(settings.log_level)
    if settings.api_workers == 1:
        return serve.status(serve.until_signalled(settings))
    return serve.status(_until_signalled(settings))


def _run_child(descriptor: int) -> int:
    """A child's program; `descriptor` is that of the socket that it inherited."""
    settings = load()
    logs.configure(settings.log_level)
    with socket.socket(fileno=descriptor) as listening:
        return serve.status(serve.until_signalled(settings, listening, parent=sys.stdin.fileno()))


async def _until_signalled(settings: Settings) -> int:
    stop = told_to_stop()
    with serve.listen(settings) as listening, tempfile.TemporaryDirectory(prefix="chat-api-metrics-") as metrics:
        family = _Family(listening, Path(metrics), stop)
        return max(await asyncio.gather(*(family.keep() for _ in range(settings.api_workers))))


class _Family:
    """The children, who all end where one does."""

    def __init__(self, listening: socket.socket, metrics: Path, stop: asyncio.Event) -> None:
        self._listening = listening
        self._metrics = metrics
        self._stop = stop

    async def keep(self) -> int:
        """One child after the other, as long as they are killed; the exit status of the last."""
        while True:
            child = await self._begin()
            status = await self._end_of(child)
            mark_process_dead(child.pid, str(self._metrics))  # type: ignore[no-untyped-call]
            if status >= 0 or self._stop.is_set():
                self._stop.set()
                return max(status, 0)
            _log.warning("api_process_killed", signal=-status)

    async def _begin(self) -> Process:
        descriptor = self._listening.fileno()
        environment = os.environ | {SHARED_FOLDER: str(self._metrics)}
        command = (sys.executable, "-m", "api.processes", str(descriptor))
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, pass_fds=[descriptor], env=environment)

    async def _end_of(self, child: Process) -> int:
        stopping, ending = asyncio.create_task(self._stop.wait()), asyncio.create_task(child.wait())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if child.stdin is not None:
            child.stdin.close()
        return await ending


if __name__ == "__main__":
    sys.exit(_run_child(int(sys.argv[1])))
