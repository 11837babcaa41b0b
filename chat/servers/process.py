"""One server process under its guardian."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from chat.errors import ServerDied

GUARDIAN = Path(__file__).with_name("guardian.py")
LOG_LIMIT = 10 * 1024 * 1024
TAIL_LINES = 20


class ServerProcess:
    """A command in a session of its own: Ctrl-C does not reach it, and it ends when this process ends."""

    def __init__(self, name: str, command: Sequence[str], log: Path, inherited: Sequence[int] = ()) -> None:
        """Start `command` with its output at the end of `log`. Raises ServerDied where it cannot be executed.

        `inherited` are file descriptors that stay open until the server has ended, in whatever way this process ends.
        """
        self.name = name
        self.log = log
        roll(log)
        with log.open("ab") as errors:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", GUARDIAN, log, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                pass_fds=inherited,
            )
        self.pid = self._read_pid()

    def _read_pid(self) -> int:
        pipe = self._guardian.stdout
        line = pipe.readline() if pipe else b""
        if not line:
            raise ServerDied(self.name, self.log, tail(self.log))
        return int(line)

    @property
    def alive(self) -> bool:
        return self._guardian.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server itself; none where it has ended."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM, to a paused server too; does not wait."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def stop(self, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds; returns when the process has ended."""
        self.terminate()
        try:
            self._guardian.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        """SIGKILL; returns when the process has ended."""
        self.signal(signal.SIGKILL)
        self._guardian.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._guardian.stdin, self._guardian.stdout):
            if pipe:
                pipe.close()


def roll(log: Path) -> None:
    """Make the log's folder, and put a log that has grown large aside as `<name>.1`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path) -> list[str]:
    """The last lines of a log."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        return [line.rstrip() for line in deque(lines, TAIL_LINES)]
