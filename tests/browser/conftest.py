"""A real Chromium, and a read side in this process for it to look at."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from chat.servers.free_port import free_port
from tests.browser.chromium import chromium
from tests.wait import until

Serve = Callable[[FastAPI], str]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all."""
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


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
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of an application that a thread serves until the end of the block."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, 20, "the application's start")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
