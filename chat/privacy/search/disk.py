"""All files that one is pointed at, searched for one learner.

Twice: first for keys that survive, then for the learner's name, for planted texts, and for what those keys open.
"""

import contextlib
import lzma
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chat.broker import Place
from chat.errors import BundleDamaged, FileDamaged
from chat.partition_reader import Kept
from chat.privacy.kek import KeyEncryption
from chat.privacy.search import files, segment
from chat.privacy.search.cells import Cell, CellSearch
from chat.privacy.search.files import Stream, Unsearched
from chat.privacy.search.needles import Hit, Needles
from chat.privacy.search.surviving_keys import KeySearch, SurvivingKey
from chat.privacy.search.windows import Window, windows
from chat.privacy.traces import Searched, Trace, What, in_record
from chat.topic_specs import Topic

UNREADABLE = (FileDamaged, BundleDamaged, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_TOPICS = frozenset(map(str, Topic))


class FoundKey(NamedTuple):
    """A wrapped copy of a key, and what it is once opened."""

    place: str
    key: SurvivingKey


@dataclass(frozen=True)
class Wanted:
    """Whom and what to search for: `keys` are those that survived, `texts` were planted."""

    whose: Searched
    texts: Sequence[str] = ()
    keys: Sequence[SurvivingKey] = ()


@dataclass(frozen=True)
class DiskSearch:
    """`keyrings`: where key-encryption keys are, backups of them too."""

    keyrings: Sequence[KeyEncryption]

    async def keys(self, root: Path, search: KeySearch) -> AsyncIterator[FoundKey]:
        """Every wrapped copy of the learner's key under a folder, or in a file, that is opened.

        What cannot be read is told by `traces`. Raises `KeyStoreUnavailable` and `KeyStoreUnfit`.
        """
        for path in files.walk(root):
            if not isinstance(path, Unsearched):
                async for place, window in self._windows(path):
                    async for opened in search.look(window):
                        yield FoundKey(f"{place}@{opened.place}", opened.key)

    async def traces(self, root: Path, wanted: Wanted) -> AsyncIterator[Trace]:
        """Everything that is found under a folder, or in a file; `unread` is what could not be searched.

        Raises `KeyStoreUnavailable` and `KeyStoreUnfit`.
        """
        needles = Needles(wanted.whose.learner, wanted.texts)
        for path in files.walk(root):
            if isinstance(path, Unsearched):
                yield Trace(What.UNREAD, str(path.place), path.reason)
                continue
            try:
                async for one in self._in_file(path, wanted, needles):
                    yield one
            except UNREADABLE as error:
                yield Trace(What.UNREAD, str(path), _reason(error))

    async def _in_file(self, path: Path, wanted: Wanted, needles: Needles) -> AsyncIterator[Trace]:
        if (partition := segment.place_of(path)) is not None:
            for one in _in_segment(path, partition, wanted.whose, needles):
                yield one
        async for stream in self._streams(path):
            for one in _in_stream(stream, wanted, needles):
                yield one

    async def _windows(self, path: Path) -> AsyncIterator[tuple[str, Window]]:
        """With their stream's place. It ends where the file cannot be read; what is done with a window may fail."""
        with contextlib.suppress(*UNREADABLE):
            async for stream in self._streams(path):
                for window in windows(stream.blocks):
                    yield stream.place, window

    async def _streams(self, path: Path) -> AsyncIterator[Stream]:
        """What a file says; nothing where it is a segment, whose records are read one by one."""
        if segment.place_of(path) is None:
            async for stream in files.streams(path, self.keyrings):
                yield stream


def _in_segment(path: Path, partition: Place, whose: Searched, needles: Needles) -> Iterator[Trace]:
    for one in segment.records(path):
        if isinstance(one, segment.Unread):
            yield from _undecoded(path, one, needles)
        else:
            yield from _in_kept(f"{path}@{one.offset}", partition, one, whose, needles)


def _undecoded(path: Path, unread: segment.Unread, needles: Needles) -> Iterator[Trace]:
    """The end of a file that is being written is searched as it is; a damaged batch is not searched at all."""
    if not unread.cut:
        yield Trace(What.UNREAD, f"{path}:{unread.at}", "a batch that cannot be decoded")
        return
    for window in windows(files.rest(path, unread.at)):
        for hit in (*needles.texts(window), *needles.names(window, by_tenant=False)):
            yield _told(hit, f"{path}:{unread.at + window.at + hit.place}", What.IDS)


def _in_kept(place: str, partition: Place, kept: Kept, whose: Searched, needles: Needles) -> Iterator[Trace]:
    if partition.topic in _TOPICS and (trace := in_record(partition, kept, whose)) is not None:
        yield trace._replace(place=place)
        named = True
    else:
        named = False
    for window in windows([_bytes_of(kept)]):
        names = () if named else needles.names(window, by_tenant=True)
        for hit in (*needles.texts(window), *names):
            yield _told(hit, place, What.IDS)


def _in_stream(stream: Stream, wanted: Wanted, needles: Needles) -> Iterator[Trace]:
    cells = CellSearch(wanted.whose.learner, wanted.keys) if stream.rows else None
    for window in windows(stream.blocks):
        for hit in (*needles.texts(window), *needles.names(window, by_tenant=stream.rows)):
            yield _told(hit, f"{stream.place}@{window.at + hit.place}", What.IDS if stream.rows else What.NAME)
        for cell in cells.look(window) if cells is not None else ():
            yield Trace(What.WORDS, f"{stream.place}@{cell.place}", _of_cell(cell))


def _told(hit: Hit, place: str, named: What) -> Trace:
    """Never the text itself."""
    if hit.text is not None:
        return Trace(What.WORDS, place, f"text {hit.text}")
    return Trace(named, place, "the learner's id")


def _of_cell(cell: Cell) -> str:
    return "a sealed cell that a key which is left opens" if cell.sealed else "a cell that is not sealed"


def _bytes_of(kept: Kept) -> bytes:
    headers = (part for name, value in kept.headers for part in (name.encode(), value or b""))
    return b"\n".join((kept.key or b"", kept.value or b"", *headers))


def _reason(error: BaseException) -> str:
    return str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
