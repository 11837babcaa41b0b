"""Key-encryption keys as files of a folder that nobody but the service's own user may read."""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chat.clock import seconds
from chat.errors import KeyStoreReadOnly, KeyStoreUnavailable, KeyStoreUnfit, UnwrapFailed
from chat.privacy.durable import sync, write_new
from chat.privacy.envelope import KEY_BYTES, NONCE_BYTES, bound
from chat.privacy.kek import epoch_name

OWNER_ONLY_FOLDER = 0o700
OTHERS = 0o077
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
HELD_SECONDS = 60.0
"""How long a key is kept in memory, used or not, so that one which was destroyed is soon nowhere."""


class _Held(NamedTuple):
    cipher: AESGCM
    until: float


class KeyFolder:
    """The `KeyEncryption` of `<folder>/<epoch>.key`, 32 bytes each: AES-256-GCM."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, _Held] = {}

    @staticmethod
    def make(folder: Path) -> None:
        """Makes the folder where it is not there: never for production, where somebody has to decide where it lies."""
        folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)

    async def new_epoch(self, prefix: str = "") -> str:
        self._require_private_folder()
        epoch = f"{prefix}{epoch_name()}"
        with self._changing():
            write_new(self._file(epoch), secrets.token_bytes(KEY_BYTES))
            sync(self._folder)
        return epoch

    async def has(self, epoch: str) -> bool:
        self._require_private_folder()
        return self._file(epoch).exists()

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(epoch).encrypt(nonce, key, _with(epoch, bound))

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._cipher(epoch).decrypt(nonce, sealed, _with(epoch, bound))
        except (InvalidTag, ValueError) as error:
            raise UnwrapFailed(f"{self._file(epoch)} does not open what was wrapped in its epoch") from error

    async def destroy(self, epoch: str) -> None:
        self._held.pop(epoch, None)
        file = self._file(epoch)
        if not file.exists():
            return
        with self._changing():
            with suppress(FileNotFoundError):  # another process was faster
                _overwrite(file)
                file.unlink()
            sync(self._folder)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _READ_ONLY:
                raise KeyStoreReadOnly(f"KEK_FOLDER: {self._folder} can only be read ({error.strerror})") from error
            raise KeyStoreUnfit(f"KEK_FOLDER: {self._folder} cannot be changed ({error.strerror})") from error

    def _cipher(self, epoch: str) -> AESGCM:
        self._let_go()
        held = self._held.get(epoch)
        if held is None:
            held = self._held[epoch] = _Held(AESGCM(self._read(epoch)), seconds() + HELD_SECONDS)
            asyncio.get_running_loop().call_later(HELD_SECONDS, self._held.pop, epoch, None)
        return held.cipher

    def _let_go(self) -> None:
        """Drops what is over: a timer alone would leave a key usable that a suspended machine kept too long."""
        now = seconds()
        for epoch in [name for name, one in self._held.items() if one.until <= now]:
            del self._held[epoch]

    def _read(self, epoch: str) -> bytes:
        self._require_private_folder()
        path = self._file(epoch)
        try:
            with path.open("rb") as file:
                _require_private(path, os.fstat(file.fileno()))
                key = file.read(KEY_BYTES + 1)
        except FileNotFoundError as error:
            raise KeyStoreUnavailable(f"KEK_FOLDER: {path} is not there") from error
        except OSError as error:
            raise KeyStoreUnfit(f"KEK_FOLDER: {path} cannot be read ({error.strerror})") from error
        if len(key) != KEY_BYTES:
            raise KeyStoreUnfit(f"KEK_FOLDER: {path} must hold {KEY_BYTES} bytes")
        return key

    def _require_private_folder(self) -> None:
        try:
            status = self._folder.stat()
        except OSError as error:
            raise KeyStoreUnfit(f"KEK_FOLDER: {self._folder} is not there ({error.strerror})") from error
        if not stat.S_ISDIR(status.st_mode):
            raise KeyStoreUnfit(f"KEK_FOLDER: {self._folder} is no folder")
        _require_private(self._folder, status)

    def _file(self, epoch: str) -> Path:
        return self._folder / f"{epoch}.key"


def _overwrite(file: Path) -> None:
    """A disk may keep old blocks all the same; `docs/adr` says what that means."""
    with file.open("r+b") as open_file:
        open_file.write(bytes(KEY_BYTES))
        open_file.flush()
        os.fsync(open_file.fileno())


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_mode & OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyStoreUnfit(f"KEK_FOLDER: {path} has mode {mode:o}, which lets others in: chmod go= {path}")
    if status.st_uid != os.geteuid():
        raise KeyStoreUnfit(f"KEK_FOLDER: {path} must belong to the user who runs this process")


def _with(epoch: str, what: str) -> bytes:
    return bound("aivo-chat", epoch, what).encode()
