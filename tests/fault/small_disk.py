"""A disk of a few megabytes, which a test may fill: a file system in memory, for whose mounting one must be root."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


class SmallDisk:
    """Mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def free(self) -> int:
        """Bytes."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    @contextmanager
    def full(self) -> Iterator[None]:
        """Inside, another file has taken all that was left."""
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file:
            _fill(file.fileno())
        try:
            yield
        finally:
            ballast.unlink()


def _fill(file: int) -> None:
    """Writes until the disk has no room for another byte."""
    try:
        while True:
            os.write(file, bytes(MIB))
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounted inside, then gone with all that is on it. Raises `CalledProcessError` where one may not mount."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
