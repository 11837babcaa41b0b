"""Draws the console with a conversation: python -m tests.browser.draw_console PNG."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from chat.domain.model import Message
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import key_of, make_app, message_at, shown_thread
from tests.browser.chromium import chromium
from tests.browser.conftest import serving
from tests.browser.test_console import RESYNC, told
from tests.records import NOW, token

MINUTE = 60_000
THREADS = [("Fractions", 6, 3), ("The school garden", 3, 3), ("Reading diary, week 3", 12, 0), ("Homework", 1, 1)]
"""Title, messages, and how many of them the teacher has read."""

SAID = [
    ("teacher-1", "Good morning, Ada! Which is more, 2/3 or 3/5?"),
    ("ada", "2/3, because 10/15 is more than 9/15."),
    ("teacher-1", "Exactly. How did you find the 15?"),
    ("ada", "3 times 5!"),
    ("teacher-1", "And could you have taken 30 as well? Write down both ways, please:\n  2/3 = 20/30\n  3/5 = 18/30"),
    ("ada", None),
]
OPEN_STREAM = """
const whole = window.fetch;
window.fetch = (url, options) => String(url).endsWith("/stream")
  ? Promise.resolve(new Response(new ReadableStream({ start: (out) => out.enqueue(new TextEncoder().encode(TOLD)) })))
  : whole(url, options);
"""
"""A live stream that tells something and stays open."""


def _said(seq: int, sender: str, content: str | None) -> Message:
    at = NOW + seq * MINUTE
    deleted = at + MINUTE if content is None else None
    return message_at(seq, sender_id=sender, content=content, created_at=at, updated_at=at, deleted_at=deleted)


async def _conversations() -> MemoryHistory:
    history = MemoryHistory()
    for number, (title, last_seq, read) in enumerate(THREADS, 1):
        shown = shown_thread(number, last_seq, NOW + (80 - number * 74) * MINUTE)
        await history.put_thread(key_of(number), shown._replace(details=shown.details._replace(title=title)))
        await history.put_mark(key_of(number), "teacher-1", read)
    for seq, said in enumerate(SAID, 1):
        await history.put_message(key_of(1), _said(seq, *said))
    return history


def draw(page: Page, address: str) -> None:
    """Opens the first thread, whose stream tells of message 9 after the history's 6."""
    script = json.dumps(RESYNC + told(_said(9, "ada", "Is this right?")))
    page.add_init_script(OPEN_STREAM.replace("TOLD", script))
    page.goto(f"{address}/console#token={token(user='teacher-1', learners=['learner-1'])}&learner=learner-1")
    page.locator("#threads button").first.click()
    expect(page.locator("#held")).to_have_text("Messages 1–9, 1 gap")
    expect(page.locator("#state")).to_have_text("Live")


def main() -> None:
    """Writes a picture of a window, in PNG."""
    app = make_app(asyncio.run(_conversations()))
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as browser, serving(app) as address:
        page = browser.new_page(viewport={"width": 1180, "height": 830}, locale="en-GB", timezone_id="UTC")
        draw(page, address)
        page.screenshot(path=sys.argv[1])


if __name__ == "__main__":
    main()
