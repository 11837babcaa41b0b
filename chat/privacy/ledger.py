"""The ledger: the receipt of every erasure once more, in a folder that no backup of Cassandra goes back with.

Who restores an older Cassandra gets back the learners who were erased since. The receipts say who they were, by the
keyed hash that `learner_keys` has; `chat privacy replay-ledger` ends their lives again before anything else starts.
One file a receipt, `<tenant>.<number>.json`: workers that have no disk in common make several folders, whose files are
put together.
"""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from chat.errors import LedgerUnavailable
from chat.privacy.durable import sync, write_new

FOLDER_MODE = 0o700
_PART = ".part"


class Ledger(Protocol):
    """Where receipts are kept outside."""

    async def add(self, tenant_id: str, number: int, document: str) -> None:
        """Returns once it is durable; may be called again. Raises `LedgerUnavailable`."""
        ...


class LedgerFolder:
    """The `Ledger` of a folder; `made`: whether it may be made where it is not there.

    In production it may not: a disk that is not mounted must not be taken for an empty one.
    """

    def __init__(self, folder: Path, *, made: bool) -> None:
        self._folder = folder
        self._made = made

    async def add(self, tenant_id: str, number: int, document: str) -> None:
        await asyncio.to_thread(self.write, tenant_id, number, document)

    def write(self, tenant_id: str, number: int, document: str) -> None:
        """As `add`, blocking."""
        path = self._folder / f"{tenant_id}.{number:09}.json"
        part = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_PART}")
        try:
            if self._made:
                self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            write_new(part, document.encode())
            part.replace(path)
            sync(self._folder)
        except OSError as error:
            raise LedgerUnavailable(f"ERASURE_LEDGER: {self._folder}: {error.strerror}") from error

    def documents(self) -> Iterator[str]:
        """Every receipt. Raises `LedgerUnavailable`."""
        try:
            for path in sorted(self._folder.iterdir()):
                if path.suffix == ".json":
                    yield path.read_text(encoding="utf-8")
        except OSError as error:
            raise LedgerUnavailable(f"{self._folder}: {error.strerror}") from error
