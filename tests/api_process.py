"""API processes for tests, started as a person would and away from any settings but the given ones."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from chat.settings import Settings
from tests.wait import until
from tests.worker import ROOT, environment

PROGRAM = "import sys; from api.processes import run; from chat.settings import load; sys.exit(run(load()))"
SECONDS = 120


class ApiProcess:
    """An API process; what it logs is in `log`, and `source` the tree that it runs."""

    def __init__(self, settings: Settings, log: Path, source: Path = ROOT) -> None:
        self.log = log
        with self.log.open("wb") as written:
            self.child = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env=os.environ | environment(settings) | {"PYTHONPATH": str(source)},
                cwd=log.parent,  # away from any .env
                stderr=written,
            )

    def said(self, event: str) -> list[dict[str, str]]:
        """The lines of its log with that event."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    def address(self) -> str:
        """Where it serves, once it does."""
        return str(until(lambda: self.said("api_serves"), SECONDS, "the API's start")[0]["address"])

    def ended(self) -> int:
        """Its exit status."""
        return self.child.wait(SECONDS)


def serves(address: str) -> bool:
    """Whether the API at that address says that it can do its work; not while nothing answers."""
    try:
        return httpx.get(f"{address}/health/ready", timeout=60).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


Start = Callable[..., ApiProcess]


@contextmanager
def api_processes(folder: Path) -> Iterator[Start]:
    """Starts processes, which end with the block."""
    started: list[ApiProcess] = []

    def start(settings: Settings, source: Path = ROOT) -> ApiProcess:
        started.append(ApiProcess(settings, folder / f"api-{len(started) + 1}.log", source))
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            one.child.kill()
            one.child.wait()
