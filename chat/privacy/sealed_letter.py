"""Dead letters that are sealed under a key of the day, which is destroyed when the day's letters have been kept.

What is sealed is the record's own value and headers together, as JSON; the record key stays, and so do the headers that
say what was wrong. The nonce follows from place and text: a record that is read again makes the same letter.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chat.errors import SealBroken
from chat.privacy.envelope import NONCE_BYTES, bound

HEADER = "x-letter-sealed"
"""The last header of a sealed letter, and of no other: the day (UTC, ISO 8601) whose key it is sealed under."""

Headers = Sequence[tuple[str, bytes | None]]


class Content(NamedTuple):
    """What a record brought along."""

    value: bytes | None
    headers: Headers


class LetterKey:
    """The key of a day, 32 bytes."""

    def __init__(self, key: bytes, day: str) -> None:
        self._aead = AESGCM(key)
        self._nonces = hashlib.blake2b(b"aivo-chat letters", key=key).digest()
        self._day = day

    def seal(self, content: Content, source: str) -> bytes:
        """The value of the letter; `source` is the record's place, to which it is bound."""
        place, text = self._place(source), _text(content)
        nonce = hashlib.blake2b(place + text, key=self._nonces, digest_size=NONCE_BYTES).digest()
        return nonce + self._aead.encrypt(nonce, text, place)

    def open(self, sealed: bytes, source: str) -> Content:
        """What was sealed. Raises `SealBroken`."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return _content(self._aead.decrypt(nonce, ciphertext, self._place(source)))
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the dead letter does not open: it was changed or moved") from error

    def _place(self, source: str) -> bytes:
        return bound("aivo-chat letter", self._day, source).encode()


def _text(content: Content) -> bytes:
    value = None if content.value is None else _base64(content.value)
    headers = [[name, None if one is None else _base64(one)] for name, one in content.headers]
    return json.dumps({"value": value, "headers": headers}, separators=(",", ":")).encode()


def _content(text: bytes) -> Content:
    told = json.loads(text)
    value = None if told["value"] is None else base64.b64decode(told["value"])
    return Content(value, [(name, None if one is None else base64.b64decode(one)) for name, one in told["headers"]])


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
