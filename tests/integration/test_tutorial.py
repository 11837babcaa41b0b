"""The tutorial, typed as it stands, against a running service."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from chat.settings import Settings
from tests.chat_program import SECONDS, ChatProgram
from tests.worker import ROOT, environment

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
API = "http://127.0.0.1:8000"
"""Where the tutorial finds the API."""

MADE_BEFORE = "make install"
"""The one command that is not typed here: what runs this test has done it."""


class Step(NamedTuple):
    """A command with its further lines, and what it prints."""

    command: str
    printed: list[str]


def steps() -> list[Step]:
    """Every command of every block."""
    blocks: list[str] = re.findall(r"^```console[^\n]*\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    return [_step(part) for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]


def _step(text: str) -> Step:
    first, *rest = text.splitlines()
    here = re.search(r"<<'(\w+)'$", first)
    length = rest.index(here[1]) + 1 if here else 0
    return Step("\n".join([first, *rest[:length]]), rest[length:])


def fits(said: str, line: str) -> bool:
    """Whether a line is what the tutorial says; … stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, said.split("…"))), line) is not None


@pytest.fixture(scope="module")
def up(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ChatProgram, str]]:
    """The program and its first line, started as the tutorial does, on servers that run already."""
    variables = environment(fresh) | {"API_PORT": "0", "METRICS_PORT": "0"}
    program = ChatProgram(tmp_path_factory.mktemp("tutorial"), variables)
    process = program.start("up")
    assert process.stdout is not None
    yield program, process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)


def test_every_command_does_what_it_says(up: tuple[ChatProgram, str]) -> None:
    """In order, in one shell; each prints the lines that stand under it, and no others."""
    program, ready = up
    (made, (started, first_line), *typed) = steps()
    assert (made.command, made.printed) == (MADE_BEFORE, [])
    assert started == ".venv/bin/chat up"
    pattern = re.sub(r"=[^ ]*:\d+", "=…", first_line[0])
    assert fits(pattern, ready.rstrip()), ready
    api = re.findall(r"api=(\S+)", ready)[0]
    for step, printed in zip(typed, _typed(program, typed, api), strict=True):
        assert len(printed) == len(step.printed), (step.command, printed)
        assert all(map(fits, step.printed, printed)), (step.command, printed)
    assert len(typed) >= 12


def test_what_the_tutorial_leaves_out_is_all_that_may_differ() -> None:
    """… stands for some text; everything else must be the same."""
    assert fits('{"event_id":"…","seq":1}', '{"event_id":"4e1c","seq":1}')
    assert not fits('{"event_id":"…","seq":1}', '{"event_id":"4e1c","seq":2}')
    assert _step("cat > a <<'END'\nb\nEND\nc") == Step("cat > a <<'END'\nb\nEND", ["c"])


def _typed(program: ChatProgram, typed: list[Step], api: str) -> list[list[str]]:
    """What each command prints, with errors that nobody expected."""
    script = "\n".join(f"{step.command}\necho '{_MARK}'" for step in typed).replace(API, api)
    (program.folder / ".venv").mkdir()
    (program.folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    clean = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=program.folder,
        env=clean | dict(program.variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [part.splitlines() for part in re.split(rf"^{_MARK}\n", _on_lines(ended.stdout), flags=re.MULTILINE)[:-1]]


def _on_lines(text: str) -> str:
    """What `curl` prints ends with no line's end."""
    return re.sub(rf"(?<=[^\n]){_MARK}", f"\n{_MARK}", text)


_MARK = "-- typed --"
