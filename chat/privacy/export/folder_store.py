"""Bundles in a local folder: for one machine, or a disk that all workers and API processes share."""

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from chat.errors import BundleStoreFull, BundleStoreRefused, BundleStoreUnavailable
from chat.privacy.durable import sync, write_new
from chat.privacy.export.store import KEY, Kept, is_bundle

FOLDER_MODE = 0o700
UNFINISHED = ".part"

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


class FolderStore:
    """The `BundleStore` of `<folder>/<bundle>/<name>`, for the service's own user alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        return await asyncio.to_thread(self._put, bundle, name, content)

    async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
        return await asyncio.to_thread(self._get, bundle, name, limit)

    async def replace(self, bundle: str, name: str, before: bytes, after: bytes) -> bool:
        return await asyncio.to_thread(self._replace, bundle, name, before, after)

    async def delete(self, bundle: str) -> None:
        await asyncio.to_thread(self._delete, bundle)

    async def bundles(self) -> AsyncIterator[Kept]:
        for kept in await asyncio.to_thread(self._bundles):
            yield kept

    def _put(self, bundle: str, name: str, content: bytes) -> bool:
        folder = self._folder / bundle
        target = folder / name
        part = _part_of(target)
        with _typed():
            _make_folders(self._folder, folder, target.parent)
            try:
                write_new(part, content)
                os.link(part, target)  # unlike a rename it replaces nothing
            except FileExistsError:
                return False
            finally:
                part.unlink(missing_ok=True)
            sync(target.parent)
        return True

    def _get(self, bundle: str, name: str, limit: int | None) -> bytes | None:
        with _typed():
            try:
                with (self._folder / bundle / name).open("rb") as file:
                    return file.read(-1 if limit is None else limit)
            except FileNotFoundError:
                return None

    def _replace(self, bundle: str, name: str, before: bytes, after: bytes) -> bool:
        """Under the folder's lock, as two of these at once would each find `before`."""
        target = self._folder / bundle / name
        part = _part_of(target)
        with _typed(), contextlib.suppress(FileNotFoundError), _locked(target.parent):
            if target.read_bytes() != before:
                return False
            try:
                write_new(part, after)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            sync(target.parent)
            return True
        return False

    def _delete(self, bundle: str) -> None:
        folder = self._folder / bundle
        with _typed(), contextlib.suppress(FileNotFoundError):
            with _locked(folder):
                (folder / KEY).unlink(missing_ok=True)
            sync(folder)
            shutil.rmtree(folder, onerror=_unless_gone)
            sync(self._folder)

    def _bundles(self) -> list[Kept]:
        with _typed(), contextlib.suppress(FileNotFoundError):
            ours = [one for one in self._folder.iterdir() if is_bundle(one.name) and one.is_dir()]
            return [Kept(one.name, _touched_at(one)) for one in ours]
        return []


def _unless_gone(_call: object, _path: str, error: Any) -> None:
    """What somebody else has deleted meanwhile, such as a part of a file that was being written, keeps nothing else."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _make_folders(*folders: Path) -> None:
    """Each with what is above it on the disk before it is used."""
    for folder in folders:
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            sync(folder.parent)


def _part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.{secrets.token_hex(8)}{UNFINISHED}")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A folder that one process at a time has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _touched_at(folder: Path) -> float:
    """A file that goes away meanwhile belongs to a bundle that is being deleted."""
    try:
        begun_at = folder.stat().st_mtime
        files = [one for one in folder.rglob("*") if one.is_file() and one != folder / KEY]
        return max((one.stat().st_mtime for one in files), default=begun_at)
    except FileNotFoundError:
        return time.time()


@contextlib.contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        reason = f"EXPORT_FOLDER: {error.strerror}"
        if error.errno in _FULL:
            raise BundleStoreFull(reason) from error
        kind = BundleStoreRefused if error.errno in _REFUSED else BundleStoreUnavailable
        raise kind(reason) from error
