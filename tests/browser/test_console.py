"""The console in a real Chromium: what it shows, what it does when something is missing, what it never does."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from api import rendering
from chat.domain.model import Message
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import key_of, make_app, message_at, put_conversation
from tests.browser.conftest import Serve
from tests.privacy_desk import Desk, NotingJob, PrivacyLog
from tests.records import token, uid
from tests.unit.test_api_refusals import MODERATOR, Log, logged

pytestmark = pytest.mark.soak

TENANT = "tenant-1"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TEACHER = token(TENANT, user="teacher-1", learners=["learner-1"])
OFFICER = token(TENANT, user="officer-1", role="compliance")


class Streams:
    """Answers the console's streams, a script of events each, and is away then; notes from where each was asked for."""

    def __init__(self, page: Page, *scripts: Iterable[str]) -> None:
        self._scripts = [*scripts]
        self.asked: list[str | None] = []
        page.route("**/stream", self._answer)

    def _answer(self, route: Route, request: Request) -> None:
        self.asked.append(request.headers.get("last-event-id"))
        if self._scripts:
            route.fulfill(status=200, content_type="text/event-stream", body="".join(self._scripts.pop(0)))
        else:
            route.fulfill(status=503, headers={"retry-after": "3600"}, json={})


class ReceiptJob(NotingJob):
    """Leaves a receipt."""

    async def do(self, request: object, step: str, save: object) -> str:
        await super().do(request, step, save)  # type: ignore[arg-type]
        return '{"messages":3}'


def sse(event: str, data: Any, seq: int | None = None) -> str:
    """One event as it goes over the wire."""
    number = "" if seq is None else f"id: {seq}\n"
    return f"event: {event}\n{number}data: {json.dumps(data)}\n\n"


def told(one: Message, event: str = "message") -> str:
    """A message's event."""
    shown = rendering.message(one) | {"metadata": {}}
    return sse(event, shown, one.seq if event == "message" else None)


RESYNC = sse("resync", {"last_seq": 0, "after_seq": 0})


def finished(work: Coroutine[Any, Any, None]) -> None:
    """Runs it in a thread of its own: Playwright's loop is this one's."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def conversation(messages: int, title: str = "Fractions") -> MemoryHistory:
    """A history with a thread of so many messages, of which the teacher has read two."""
    history = MemoryHistory()

    async def fill() -> None:
        await put_conversation(history, key_of(1), messages)
        shown = await history.thread(key_of(1))
        assert shown is not None
        await history.put_thread(key_of(1), shown._replace(details=shown.details._replace(title=title)))
        await history.put_mark(key_of(1), "teacher-1", 2)

    finished(fill())
    return history


def shown_seqs(page: Page) -> list[int]:
    """The seqs of the messages on the page, from above."""
    return [int(str(one.get_attribute("data-seq"))) for one in page.locator(".message").all()]


def until_asked(page: Page, streams: Streams, wanted: list[str | None]) -> None:
    """Returns when the console has asked for its streams from where it is to, and for no other."""
    for _ in range(200):
        if streams.asked == wanted:
            return
        page.wait_for_timeout(50)
    assert streams.asked == wanted


def opened(page: Page, address: str, bearer: str = TEACHER) -> None:
    """Follows a link with a token, and opens the learner's thread."""
    page.goto(f"{address}/console#token={bearer}&learner=learner-1")
    page.locator("#threads button").first.click()


def test_a_thread_is_read_with_a_token_from_a_link(page: Page, serve: Serve) -> None:
    """Threads with what is unread, messages in order, where one has read to; the token is gone from the address."""
    Streams(page, [RESYNC])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, serve(make_app(conversation(4))))
    expect(page.locator("#threads")).to_contain_text("2 unread")
    expect(page.get_by_role("heading", name="Fractions")).to_be_focused()
    expect(page.locator("#held")).to_have_text("Messages 1–4, no gap")
    assert shown_seqs(page) == [1, 2, 3, 4]
    expect(page.locator("#messages > li").nth(2)).to_have_text("You have read up to 2")
    assert TEACHER not in page.url
    assert not any(TEACHER in one for one in asked)


def test_what_is_missing_is_shown_and_read(page: Page, serve: Serve) -> None:
    """A tail that jumps leaves a gap on the page, until it is read; the next stream begins before the gap."""
    history = conversation(3)
    streams = Streams(page, [RESYNC, told(message_at(7))])
    opened(page, serve(make_app(history)))
    expect(page.locator("#held")).to_have_text("Messages 1–7, 1 gap")
    expect(page.locator(".gap")).to_contain_text("Messages 4–6 are missing here.")
    until_asked(page, streams, [None, "3"])
    assert shown_seqs(page) == [1, 2, 3, 7]
    finished(put_conversation(history, key_of(1), 7))
    page.get_by_role("button", name="Read them").click()
    expect(page.locator("#held")).to_have_text("Messages 1–7, no gap")
    expect(page.locator(".gap")).to_have_count(0)
    assert shown_seqs(page) == [1, 2, 3, 4, 5, 6, 7]


def test_the_tail_is_followed_over_a_broken_connection(page: Page, serve: Serve) -> None:
    """New messages, edits and husks arrive once each, and what passed by meanwhile is read again."""
    history = conversation(2)
    edited, gone = message_at(2, content="better", updated_at=9), message_at(1, content=None, deleted_at=9)
    streams = Streams(page, [RESYNC, told(message_at(3)), told(edited, "edit")], [RESYNC, told(gone, "delete")])
    address = serve(make_app(history))
    finished(put_conversation(history, key_of(1), 3))
    opened(page, address)
    expect(page.locator(".husk")).to_have_count(1)
    until_asked(page, streams, [None, "3", "3"])
    expect(page.locator("#state")).to_have_text("Connecting again")
    assert shown_seqs(page) == [1, 2, 3]


def test_earlier_messages_are_asked_for(page: Page, serve: Serve) -> None:
    """The newest fifty first, then those before them, until there are none."""
    Streams(page, [RESYNC])
    opened(page, serve(make_app(conversation(60))))
    expect(page.locator("#held")).to_have_text("Messages 11–60, no gap")
    page.get_by_role("button", name="Earlier messages").click()
    expect(page.locator("#held")).to_have_text("Messages 1–60, no gap")
    expect(page.get_by_role("button", name="Earlier messages")).to_be_hidden()


def test_the_newest_message_stays_in_sight(page: Page, serve: Serve) -> None:
    """With the thread's state and the list of threads; whoever has scrolled back stays there."""
    history = conversation(40)
    streams = [[RESYNC, told(message_at(41))], [RESYNC, told(message_at(42))]]
    page.clock.install()
    Streams(page, *streams)
    opened(page, serve(make_app(history)))
    expect(page.locator("#held")).to_have_text("Messages 1–41, no gap", timeout=20_000)
    expect(page.locator(".message[data-seq='41']")).to_be_in_viewport()
    for shown in ("#state", "#threads button", "#privacy"):
        expect(page.locator(shown)).to_be_in_viewport()
    page.evaluate("scrollTo(0, 0)")
    finished(put_conversation(history, key_of(1), 41))
    page.clock.run_for(2_000)
    expect(page.locator("#held")).to_have_text("Messages 1–42, no gap", timeout=20_000)
    expect(page.locator(".message[data-seq='42']")).not_to_be_in_viewport()
    expect(page.locator(".message[data-seq='1']")).to_be_in_viewport()


def test_what_users_write_is_never_markup(page: Page, serve: Serve) -> None:
    """Titles and messages are text, and the browser would stop a script that made markup of them."""
    history = conversation(1, HOSTILE)
    finished(history.put_message(key_of(1), message_at(1, content=HOSTILE, sender_id="teacher-1")))
    Streams(page, [RESYNC])
    opened(page, serve(make_app(history)))
    expect(page.locator(".message .content")).to_have_text(HOSTILE)
    expect(page.locator("#content h2")).to_have_text(HOSTILE)
    assert page.title() == "AIVO chat console"
    assert page.locator("img").count() == 0
    blocked = "() => { try { document.body.innerHTML = '<p>x'; return false } catch (e) { return e.name } }"
    assert page.evaluate(blocked) == "TypeError"


def test_privacy_requests_are_shown_with_their_audit(page: Page, serve: Serve) -> None:
    """State, steps, who asked, what was done, and the receipt."""
    desk, log = Desk([ReceiptJob()]), PrivacyLog()
    log.ask("ExportLearnerData", reason="access")

    async def work() -> None:
        await desk.take(log.records)
        await desk.run()

    finished(work())
    address = serve(make_app(conversation(1), requests=desk.kept))
    page.goto(f"{address}/console#token={OFFICER}&learner=learner-1&privacy=")
    card = page.locator("article", has_text=uid(4, 1))
    expect(card.locator(".state")).to_have_text("completed")
    expect(card.get_by_role("list", name="What was done")).to_contain_text("requested · access · by officer-1")
    card.get_by_text("Signed receipt").click()
    expect(card.locator("pre")).to_contain_text('"messages": 3')


def test_refusals_are_shown_with_how_far_back_was_looked(page: Page, serve: Serve) -> None:
    """By keyboard alone: what was refused and why, since when that is all; further back on request, until it is all."""
    own = [logged(at, detail=HOSTILE) for at in (0, 5)]
    others = [logged(at, "tenant-2/learner-9") for at in range(1, 5)]
    log = Log(sorted([*own, *others]), size=3)
    page.goto(f"{serve(make_app(conversation(1), refusals=log.window))}/console#token={MODERATOR}&learner=learner-1")
    page.get_by_role("button", name="Refused commands").press("Enter")
    expect(page.get_by_role("heading", name="Refused commands of learner-1")).to_be_focused()
    expect(page.get_by_role("button", name="Refused commands")).to_have_attribute("aria-current", "true")
    listed = page.get_by_role("list", name="Refused commands").get_by_role("listitem")
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("thread_not_found")
    expect(listed).to_contain_text(HOSTILE)
    expect(listed).to_contain_text(uid(3, 5))
    expect(page.get_by_role("status")).to_have_text("1 refusal since 15 Jan 2026, 10:30")
    page.get_by_role("button", name="Look further back").press("Enter")
    expect(page.get_by_role("status")).to_have_text("2 refusals, all that is kept")
    expect(listed).to_have_count(2)
    expect(page.get_by_role("button", name="Look further back")).to_be_hidden()


def test_who_may_not_see_refusals_is_told_so(page: Page, serve: Serve) -> None:
    """The service's own word is read out."""
    page.goto(f"{serve(make_app(conversation(1)))}/console#token={TEACHER}&learner=learner-1&refusals=")
    expect(page.get_by_role("alert")).to_contain_text("messages:moderate")


def test_a_token_is_pasted_and_forgotten(page: Page, serve: Serve) -> None:
    """By keyboard alone; afterwards nothing of it is kept."""
    Streams(page, [RESYNC])
    page.goto(f"{serve(make_app(conversation(1)))}/console")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.insert_text(TEACHER)
    page.keyboard.press("Enter")
    expect(page.locator("#threads")).to_contain_text("Fractions")
    expect(page.locator("#who")).to_have_text("teacher-1 · teacher · tenant-1")
    page.get_by_role("button", name="Forget token").press("Enter")
    expect(page.get_by_label("Token")).to_be_focused()
    assert page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])") == '[{},{},""]'


def test_a_token_that_does_not_count_is_said(page: Page, serve: Serve) -> None:
    """The service's own word is read out, and the door is there again."""
    page.goto(f"{serve(make_app(conversation(1)))}/console#token=nonsense&learner=learner-1")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize(("reason", "why"), [
    ("learner_erased", "the learner was erased"), ("thread_deleted", "the thread was deleted"),
])  # fmt: skip
def test_of_what_is_gone_nothing_stays_on_the_page(page: Page, serve: Serve, reason: str, why: str) -> None:
    """Neither words nor titles, and why is said."""
    history = conversation(2)

    def erased() -> Iterable[str]:
        finished(history.delete_thread(key_of(1)))
        yield sse("end", {"reason": reason})

    page.clock.install()
    Streams(page, [RESYNC], erased())
    opened(page, serve(make_app(history)))
    expect(page.locator("#held")).to_have_text("Messages 1–2, no gap")
    page.clock.run_for(2_000)
    expect(page.locator("#content")).to_have_text(f"Ended: {why}")
    expect(page.locator("#threads li")).to_have_count(0)
    assert_nothing_is_left(page)


@pytest.mark.parametrize("reason", ["token_expired", "unauthenticated"])
def test_behind_the_end_of_a_token_nothing_stays_on_the_page(page: Page, serve: Serve, reason: str) -> None:
    """Shown or hidden; the door is there again, and why is said."""
    page.clock.install()
    Streams(page, [RESYNC], [sse("end", {"reason": reason})])
    opened(page, serve(make_app(conversation(2))))
    expect(page.locator("#held")).to_have_text("Messages 1–2, no gap")
    page.clock.run_for(2_000)
    expect(page.get_by_label("Token")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("the token")
    assert_nothing_is_left(page)


def test_a_refused_token_leaves_nothing_on_the_page(page: Page, serve: Serve) -> None:
    """Whatever was asked for with it; what the service said of it is read out."""
    Streams(page, [RESYNC])
    opened(page, serve(make_app(conversation(60))))
    expect(page.locator("#held")).to_have_text("Messages 11–60, no gap")
    page.route("**/messages?*", lambda route: route.fulfill(status=401, json={"detail": "the token has expired"}))
    page.get_by_role("button", name="Earlier messages").click()
    expect(page.get_by_role("alert")).to_have_text("the token has expired")
    expect(page.get_by_label("Token")).to_be_visible()
    assert_nothing_is_left(page)


def assert_nothing_is_left(page: Page) -> None:
    """Of the thread's words and its title."""
    assert "message " not in page.content()
    assert "Fractions" not in page.content()
