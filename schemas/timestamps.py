"""Times: UTC milliseconds since 1970 in Avro and in Python, RFC 3339 with milliseconds and `Z` in JSON."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EARLIEST = -62_135_596_800_000
"""0001-01-01T00:00:00.000Z, the first that RFC 3339 and Python can both write."""

LATEST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""

_MINUTE = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def to_text(millis: int) -> str:
    """`2026-01-15T10:30:00.000Z` for a time between EARLIEST and LATEST."""
    return f"{(_EPOCH + millis * _MILLISECOND).isoformat(timespec='milliseconds')[:-6]}Z"


def quick_text(millis: int) -> str:
    """As `to_text`, for many times of which most are of few minutes."""
    minute, rest = divmod(millis, _MINUTE)
    return f"{_minute(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"


@lru_cache(maxsize=4_096)
def _minute(minute: int) -> str:
    return to_text(minute * _MINUTE)[: -len("00.000Z")]


def from_text(text: str) -> int:
    """Milliseconds of a text of exactly that form. Raises ValueError for any other text and for a day that is none."""
    if not _FORM.fullmatch(text):
        raise ValueError("not RFC 3339 with milliseconds and Z")
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
