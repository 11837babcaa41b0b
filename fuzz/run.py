"""One run of one target in a process of its own, and what came of it."""

import hashlib
import re
import subprocess
import sys
import time
from pathlib import Path

from fuzz import tally
from fuzz.target import Reach
from fuzz.targets import TARGETS

_LIMITS = ("-max_len=4096", "-timeout=30", "-rss_limit_mb=2048")
"""Bytes of an input; seconds after which one that does not end is a find; memory."""

_EDGES = re.compile(r"cov: (\d+)")


class Run:
    """`folder` holds the corpus, which the run adds to, its log, and in `finds` an input that was answered wrongly."""

    def __init__(self, name: str, folder: Path, seconds: int) -> None:
        self.name = name
        self.corpus, self.finds, self.log = folder / "corpus", folder / "finds", folder / "log.txt"
        self._folder = folder
        self._seconds = seconds
        self.status = 0
        self.rate = self.covered = 0.0

    def go(self) -> "Run":
        """Runs it to its end, and measures."""
        self._prepare()
        started = time.monotonic()
        options = (f"-max_total_time={self._seconds}", f"-artifact_prefix={self.finds}/", *_LIMITS)
        with self.log.open("wb") as log:
            engine = [sys.executable, "-m", "fuzz.engine", self.name, str(self._folder), *options, str(self.corpus)]
            self.status = subprocess.run(engine, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        self.rate = self.executions / (time.monotonic() - started)
        self.covered = self._measured()
        return self

    @property
    def executions(self) -> int:
        """How many ended."""
        return sum(self._counts().values())

    @property
    def parsed(self) -> float:
        """The share that passed the first parser."""
        return 1 - self._counts()[Reach.TURNED_AWAY] / (self.executions or 1)

    @property
    def accepted(self) -> float:
        """The share that was accepted, rightly."""
        return self._counts()[Reach.ACCEPTED] / (self.executions or 1)

    @property
    def edges(self) -> int:
        """Branches of the watched modules and of the target, as libFuzzer counts them."""
        found = _EDGES.findall(self.log.read_text(encoding="utf-8", errors="replace"))
        return int(found[-1]) if found else 0

    def _counts(self) -> dict[Reach, int]:
        return tally.read(self._folder / "tally")

    def _prepare(self) -> None:
        for one in (self.corpus, self.finds):
            one.mkdir(parents=True, exist_ok=True)
        for seed in TARGETS[self.name].seeds():
            (self.corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)

    def _measured(self) -> float:
        watched = TARGETS[self.name].WATCHED
        command = [sys.executable, "-m", "fuzz.covered", self.name, str(self.corpus), *watched]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
