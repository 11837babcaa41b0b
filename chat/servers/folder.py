"""The data folder of the embedded servers: one process at a time, enough room, ports that stay."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from chat.errors import DiskSpaceLow, FolderInUse, PortTaken
from chat.servers.free_port import LOCALHOST, free_port, is_free

NEEDED_BYTES = 1024**3
SECONDS_TO_END = 10.0


class DataFolder:
    """`<data-dir>`: a folder for each server, `logs/`, `tmp/`, `ports.json` and two locks."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._owned: IO[str] | None = None
        self._running: IO[str] | None = None

    @property
    def running(self) -> int:
        """A locked file descriptor for the servers' guardians to inherit: locked until the last server has ended."""
        if self._running is None:
            raise AssertionError("the folder is locked before a server starts in it")
        return self._running.fileno()

    def lock(self) -> None:
        """Take the folder for this process. Raises FolderInUse, which names the process that has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._owned = self._lock("lock", wait_seconds=0.0)
        # A process that was killed has let go of the folder; its servers follow in a moment.
        self._running = self._lock("running", wait_seconds=SECONDS_TO_END)

    def unlock(self) -> None:
        for lock in (self._running, self._owned):
            if lock is not None:
                lock.close()

    def _lock(self, name: str, wait_seconds: float) -> IO[str]:
        lock = (self.path / name).open("a+", encoding="utf-8")
        deadline = time.monotonic() + wait_seconds
        while not _is_mine(lock):
            if time.monotonic() >= deadline:
                lock.seek(0)
                owner = lock.read().strip()
                raise FolderInUse(f"{self.path} is in use by process {owner}: stop it, or name another folder")
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock

    def require_space(self) -> None:
        """Raises DiskSpaceLow where less than a GiB is free: a full disk would end the servers in the middle."""
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise DiskSpaceLow(f"{self.path} has {free >> 20} MiB free; the servers need {NEEDED_BYTES >> 20} MiB")

    def port(self, name: str, wanted: int, setting: str, hosts: Sequence[str] = (LOCALHOST,)) -> int:
        """The port to listen on: the wanted one, or for 0 the one that this folder had before, or a free one.

        Raises PortTaken where the wanted one is not free.
        """
        if wanted:
            if not is_free(wanted, hosts):
                raise PortTaken(wanted, setting)
            return wanted
        recorded = self._recorded_ports()
        if name not in recorded or not is_free(recorded[name], hosts):
            recorded[name] = free_port(hosts)
            self._ports_file.write_text(json.dumps(recorded, indent=2), encoding="utf-8")
        return recorded[name]

    @property
    def _ports_file(self) -> Path:
        return self.path / "ports.json"

    def _recorded_ports(self) -> dict[str, int]:
        if not self._ports_file.exists():
            return {}
        ports: dict[str, int] = json.loads(self._ports_file.read_text(encoding="utf-8"))
        return ports


def _is_mine(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
