"""A learner's data key, and the cells that it seals.

A cell is a version byte, and for version 1 the version of the key (1 byte), the nonce (12), the ciphertext and its tag.
It is bound to its place: tenant, learner, generation, version of the key, thread, entity and field, each with its
length before it, are the additional data of AES-256-GCM. So no cell opens anywhere but where it was sealed.

The nonce follows from the key, the place and the text: a second run of the log writes the very same cell, and no nonce
is used for two texts.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chat.domain.model import LearnerId
from chat.errors import CellDamaged

PLAIN = b"\x00"
SEALED = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
_HEAD = 2
_SEALED_AT = _HEAD + NONCE_BYTES


class DataKey:
    """One version (1 … 255) of the key of a learner's life; `key` has 32 bytes.

    Nonces are pseudo-random: NIST SP 800-38D allows 2^32 of them under one key, more cells than a learner ever has.
    """

    __slots__ = ("_aead", "_head", "_life", "_nonces", "version")

    def __init__(self, key: bytes, version: int, learner: LearnerId) -> None:
        self._aead = AESGCM(key)
        self._nonces = hashlib.blake2b(b"aivo-chat nonces", key=key, digest_size=KEY_BYTES).digest()
        self._head = SEALED + bytes((version,))
        self._life = bound(learner.tenant_id, learner.learner_id, str(learner.generation), str(version))
        self.version = version

    def seal(self, text: str, field: str, thread_id: str = "", entity_id: str = "") -> bytes:
        """The cell of a field of a thread, or of the message or command `entity_id`."""
        place, data = self._place(field, thread_id, entity_id), text.encode()
        nonce = hashlib.blake2b(place + data, key=self._nonces, digest_size=NONCE_BYTES).digest()
        return self._head + nonce + self._aead.encrypt(nonce, data, place)

    def open(self, cell: bytes, field: str, thread_id: str = "", entity_id: str = "") -> str:
        """The text of a sealed cell. Raises `CellDamaged`."""
        if cell[:_HEAD] != self._head:
            raise CellDamaged(f"a sealed {field} names version {cell[1:_HEAD].hex()} of a key, held is {self.version}")
        place = self._place(field, thread_id, entity_id)
        try:
            return self._aead.decrypt(cell[_HEAD:_SEALED_AT], cell[_SEALED_AT:], place).decode()
        except (InvalidTag, ValueError) as error:
            raise CellDamaged(f"a sealed {field} does not open") from error

    def _place(self, field: str, thread_id: str, entity_id: str) -> bytes:
        """As `bound`, written out: it is done for every cell."""
        place = f"{self._life}{len(thread_id)}:{thread_id}{len(entity_id)}:{entity_id}{len(field)}:{field}"
        return place.encode()


def bound(*parts: str) -> str:
    """Parts, each with its length in characters before it, so that no two lists of parts look alike."""
    return "".join(f"{len(part)}:{part}" for part in parts)


def new_key() -> bytes:
    """A data key that nobody has ever seen."""
    return os.urandom(KEY_BYTES)
