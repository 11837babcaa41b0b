"""The files of an embedded broker, searched as they lie on the disk: also those that it has let go and not unlinked."""

from contextlib import suppress
from pathlib import Path

from chat.broker import Place


def files_with(data: Path, place: Place, words: bytes) -> list[str]:
    """The names of a partition's files that hold these bytes anywhere."""
    return sorted(one.name for one in (data / f"{place.topic}-{place.partition}").iterdir() if words in _content(one))


def _content(file: Path) -> bytes:
    with suppress(FileNotFoundError):  # it has gone since it was listed
        return file.read_bytes()
    return b""
