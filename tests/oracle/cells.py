"""What is in a sealed cell, by the documented format alone: nothing of the service's own code opens it here."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Row = Mapping[str, Any]
NONCE = 12


class Cells:
    """Opens the cells of a keyspace's `dump`, with the key-encryption keys of a folder."""

    def __init__(self, dump: Mapping[str, Sequence[Row]], key_folder: Path) -> None:
        self._rows = dump["learner_keys"]
        secrets = {row["name"]: row["secret"] for row in dump["service_secrets"]}
        self._secret = secrets["subject"]
        self._folder = key_folder

    def open(self, row: Row, field: str) -> str | None:
        """The text of a field of a thread or message."""
        cell: bytes | None = row[field]
        if not cell or cell[0] == 0:
            return cell[1:].decode() if cell else None
        version, nonce, sealed = cell[1], cell[2 : 2 + NONCE], cell[2 + NONCE :]
        life = row["tenant_id"], row["learner_id"], str(row["generation"])
        message_id = str(row.get("message_id") or "")
        place = prefixed(*life, str(version), str(row["thread_id"]), message_id, field)
        return AESGCM(self._key(*life, version)).decrypt(nonce, sealed, place).decode()

    def _key(self, tenant_id: str, learner_id: str, generation: str, version: int) -> bytes:
        subject = hashlib.blake2b(f"{tenant_id}/{learner_id}".encode(), key=self._secret, digest_size=32).digest()
        epoch, wrapped = self._wrapped[subject, int(generation), version]
        wrapping = AESGCM((self._folder / f"{epoch}.key").read_bytes())
        about = prefixed("aivo-chat", epoch, prefixed(subject.hex(), generation, str(version)).decode())
        return wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], about)

    @cached_property
    def _wrapped(self) -> dict[tuple[bytes, int, int], tuple[str, bytes]]:
        return {
            (row["subject"], row["generation"], row["version"]): (row["epoch"], row["wrapped"]) for row in self._rows
        }


def prefixed(*parts: str) -> bytes:
    """Each part with its length before it."""
    return "".join(f"{len(part)}:{part}" for part in parts).encode()
