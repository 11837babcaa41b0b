"""What Cassandra writes at the head of a commit log or of hints: whether what follows is compressed or encrypted.

Sources: `CommitLogDescriptor.writeHeader` and `HintsDescriptor.serialize` of Apache Cassandra.
"""

import json
import struct
from pathlib import Path

from chat.errors import FileDamaged

_LOG, _HINTS = struct.Struct(">12xH"), struct.Struct(">30xH4x")
"""What stands before the parameters: their length, and checksums. That of hints has two bytes more, which are zero."""


def is_log(path: Path) -> bool:
    """Whether a file begins with a descriptor; the index of a commit log for change capture does not."""
    return path.suffix == ".hints" or (path.name.startswith("CommitLog-") and path.suffix != ".idx")


def require_plain(path: Path) -> None:
    """Raises `FileDamaged` where what follows cannot be read as it is."""
    layout = _HINTS if path.suffix == ".hints" else _LOG
    with path.open("rb") as file:
        head = file.read(layout.size)
        if not any(head):  # made in advance: nothing was written to it yet
            return
        parameters = _parameters(file.read(layout.unpack(head)[0]) if len(head) == layout.size else b"")
    if parameters:
        raise FileDamaged("compressed or encrypted, as its head says")


def _parameters(told: bytes) -> object:
    try:
        return json.loads(told)
    except ValueError as error:
        raise FileDamaged("its head is cut short, or of a version that is not known") from error
