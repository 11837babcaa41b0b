"""The program `chat` as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from chat.settings import Settings
from tests.worker import ROOT

COMMAND = (sys.executable, "-m", "chat.cli.main")
SECONDS = 480.0


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, object]]:
        """What it printed, as JSON lines."""
        return [orjson.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class ChatProgram:
    """Runs the program in a folder, with nothing of this process's settings but `variables`."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Runs it to its end."""
        return _ended(self.start(*arguments), stdin)

    def run_two(self, *arguments: str) -> tuple[Ended, Ended]:
        """Runs it twice at once."""
        one, other = self.start(*arguments), self.start(*arguments)
        return _ended(one), _ended(other)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts it in a process group of its own, with pipes to it."""
        kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
        return subprocess.Popen(
            [*COMMAND, *arguments, *_patience(arguments)],
            env=kept | {"PYTHONPATH": str(ROOT)} | dict(self.variables),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def _patience(arguments: Sequence[str]) -> list[str]:
    """Time enough for a wait of which the test does not say how long it lasts."""
    return ["--timeout", "120"] if "--wait" in arguments and "--timeout" not in arguments else []


def _ended(process: "subprocess.Popen[str]", stdin: str = "") -> Ended:
    with process:
        out, err = process.communicate(stdin, SECONDS)
    return Ended(process.returncode, out, err)
