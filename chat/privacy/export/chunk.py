"""A chunk: what a bundle's store holds as one object, sealed before it gets there.

    "AXC1" ‖ length of the sealed head, 4 bytes big-endian ‖ sealed head ‖ sealed body

Head and body are each nonce (12 bytes) ‖ AES-256-GCM under the bundle's key, bound to the bundle, to the chunk's name
and to which of the two they are. So a chunk cannot be cut, nor stand in for another; that none is missing, `contents`
tells, which is sealed too, and the signed manifest. The head alone says how far the export had come: it is enough to go
on from there.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chat.errors import BundleDamaged
from chat.privacy.export.member import Member
from chat.privacy.export.sections import Place

MAGIC = b"AXC1"
NONCE_BYTES = 12
HEAD_LIMIT = 16 * 1024
"""Bytes in which a chunk's head is found whole."""

_PREFIX = len(MAGIC) + 4


class Head(NamedTuple):
    """What a chunk says of itself: its members in the order of its body, and what it counted.

    `after` is the place of its last row; `ends` whether its section ends with it. Times are UTC milliseconds.
    """

    members: tuple[Member, ...]
    counts: dict[str, int]
    after: Place | None
    ends: bool
    read_from: int
    read_to: int


class BundleSeal:
    """Seals and opens the chunks of one bundle; `key` has 32 bytes."""

    def __init__(self, bundle: str, key: bytes) -> None:
        self._bundle = bundle
        self._aead = AESGCM(key)

    def seal(self, name: str, head: Head, body: bytes) -> bytes:
        """The object that the store holds as `name`."""
        sealed = self._seal(name, "head", json.dumps(head).encode())
        if len(sealed) > HEAD_LIMIT - _PREFIX:
            raise AssertionError("a chunk's head is bounded by its two members and one place")
        return b"".join((MAGIC, len(sealed).to_bytes(4), sealed, self._seal(name, "body", body)))

    def open_head(self, name: str, start: bytes) -> Head:
        """The head of an object that begins with `start`. Raises `BundleDamaged`."""
        sealed, _ = _parts(name, start)
        return head_of(json.loads(self._open(name, "head", sealed)))

    def open_body(self, name: str, whole: bytes) -> bytes:
        """The body of an object. Raises `BundleDamaged`."""
        return self._open(name, "body", _parts(name, whole)[1])

    def _seal(self, name: str, part: str, content: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, self._place(name, part))

    def _open(self, name: str, part: str, sealed: bytes) -> bytes:
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._place(name, part))
        except (InvalidTag, ValueError) as error:
            raise BundleDamaged(f"the {part} of chunk {name} does not open") from error

    def _place(self, name: str, part: str) -> bytes:
        return f"aivo-chat export\n{self._bundle}\n{name}\n{part}".encode()


def head_of(told: Sequence[Any]) -> Head:
    """A head as its JSON has it."""
    members, counts, after, *rest = told
    return Head(tuple(Member(*one) for one in members), counts, None if after is None else tuple(after), *rest)


def _parts(name: str, content: bytes) -> tuple[bytes, bytes]:
    end = _PREFIX + int.from_bytes(content[len(MAGIC) : _PREFIX])
    if content[: len(MAGIC)] != MAGIC or len(content) < end:
        raise BundleDamaged(f"chunk {name} is cut short, or is none")
    return content[_PREFIX:end], content[end:]
