"""Runs one server and does not outlive its own parent.

The parent keeps the other end of this process's standard input. When that end closes, in whatever way the parent
ended, the server is stopped. Started by its path, with the standard library alone, so that it is small and quick.

    python guardian.py LOG_FILE COMMAND...

The first line on standard output is the server's process id; the exit status is the server's.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 3.0


def die_with_guardian() -> None:
    """In the server, before it is executed: the kernel kills it when this guardian is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(log_file: str, command: list[str]) -> subprocess.Popen[bytes]:
    """The server, its output at the end of the log."""
    with open(log_file, "ab") as log:  # noqa: PTH123 - pathlib would double the time to start
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Safe here, for this process has one thread and it lives as long as the process.
            preexec_fn=die_with_guardian if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread only
        )


def end(server: subprocess.Popen[bytes]) -> None:
    """SIGTERM first, for a clean log of the server's; it has little time."""
    server.terminate()
    try:
        server.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def child_ended() -> int:
    """A file descriptor that becomes readable when the server ends."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable)
    return readable


def main() -> int:
    parent = sys.stdin.fileno()
    ended = child_ended()
    server = start(sys.argv[1], sys.argv[2:])
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    while server.poll() is None:
        readable, _, _ = select.select([parent, ended], [], [])
        if parent in readable:
            end(server)
        else:
            os.read(ended, 1)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


if __name__ == "__main__":
    sys.exit(main())
