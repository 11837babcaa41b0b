"""How the first download shows itself: a bar on a terminal, log lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

log = structlog.get_logger(__name__)
SECONDS_BETWEEN_LINES = 5.0
MEGABYTE = 1_000_000


class DownloadProgress:
    """Counts jars and bytes for the threads that download; a line every few seconds, and one at the end."""

    def __init__(self, what: str, jars: int) -> None:
        self.what = what
        self.jars = jars
        self.done = 0
        self.bytes = 0
        self._lock = threading.Lock()
        self._next_line = 0.0

    @contextmanager
    def jar(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Around one jar's download, as jgo calls it; yields what takes the bytes of each chunk."""
        yield self._add_bytes

    def jar_done(self) -> None:
        """One more jar is in the cache."""
        with self._lock:
            self.done += 1
            self.show()

    def show(self) -> None:
        """A line, unless one was written just now."""
        now = time.monotonic()
        if self.done == self.jars or now >= self._next_line:
            self._next_line = now + SECONDS_BETWEEN_LINES
            megabytes = self.bytes // MEGABYTE
            log.info("downloading the servers", what=self.what, jars=f"{self.done}/{self.jars}", megabytes=megabytes)

    def _add_bytes(self, count: int) -> None:
        with self._lock:
            self.bytes += count


class ProgressBar(DownloadProgress):
    """The same on a terminal."""

    def __init__(self, what: str, jars: int, bars: Progress) -> None:
        super().__init__(what, jars)
        self._bars = bars
        self._task = bars.add_task(f"downloading {what}", total=jars, megabytes=0)

    def show(self) -> None:
        self._bars.update(self._task, completed=self.done, megabytes=self.bytes // MEGABYTE)


@contextmanager
def shown(what: str, jars: int) -> Iterator[DownloadProgress]:
    """Progress of a download of `jars` jars for `what`, on stderr."""
    if not sys.stderr.isatty():
        yield DownloadProgress(what, jars)
        return
    text = TextColumn("{task.description}")
    megabytes = TextColumn("jars, {task.fields[megabytes]} MB")
    console = Console(stderr=True)
    with Progress(
        text, BarColumn(), MofNCompleteColumn(), megabytes, TimeElapsedColumn(), console=console, transient=True
    ) as bars:
        yield ProgressBar(what, jars, bars)
