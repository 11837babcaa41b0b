"""Files that are on the disk when a call returns, and for nobody but their owner."""

import os
from pathlib import Path

OWNER_ONLY = 0o600


def write_new(path: Path, content: bytes) -> None:
    """A file that was not there before. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync(folder: Path) -> None:
    """What a folder's names say now outlives a loss of power. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
