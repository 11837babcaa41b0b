"""New identifiers. What one may look like is in `chat.domain.identifiers`."""

import os
import time
import uuid

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_LOW = (1 << 62) - 1


def new_id() -> str:
    """A UUIDv7 in lower-case canonical text: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562 §5.7)."""
    return uuid7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


def uuid7(millis: int, random: int) -> str:
    """The UUIDv7 of a time and of the lowest 74 bits of `random`."""
    high = random >> 62 & 0xFFF
    return str(uuid.UUID(int=millis << 80 | _VERSION | high << 64 | _VARIANT | random & _LOW))
