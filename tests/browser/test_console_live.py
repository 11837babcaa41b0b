"""The console against the service itself: what is posted through Kafka is on the page, whatever ends meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.browser.test_console import finished, shown_seqs
from tests.clean_house import clean_house, drop_keyspace
from tests.e2e.client import ContractClient
from tests.e2e.live_house import SECONDS, TENANT, Author, House

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

MILLISECONDS = SECONDS * 1000
LOSES_4 = """
const whole = window.fetch;
const kept = (text) => text.split("\\n\\n").filter((block) => !block.includes("\\nid: 4")).join("\\n\\n");
window.fetch = async (url, options) => {
  const answer = await whole(url, options);
  if (!String(url).endsWith("/stream") || !answer.ok) return answer;
  const lossy = new TransformStream({ transform: (text, out) => out.enqueue(kept(text)) });
  const body = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(lossy).pipeThrough(new TextEncoderStream());
  return new Response(body, { status: answer.status, headers: answer.headers });
};
"""
"""Something between the service and the page that loses message 4: the service itself leaves no gap."""


@pytest.fixture
def settings(servers: Addresses) -> Iterator[Settings]:
    """Of a clean house, which a thread of its own makes: Playwright's loop is this one's."""
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(clean_house, servers).result()
        yield made
        pool.submit(drop_keyspace, made).result()


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[House]:
    made = House(settings, tmp_path).stand()
    yield made
    made.api.end()
    made.worker.end()


def test_what_is_posted_is_on_the_page(page: Page, house: House, settings: Settings) -> None:
    """Live, edits and husks too; what got lost is a gap that can be read; what passed while the API was away comes."""
    author = Author(ContractClient(settings.kafka_bootstrap_servers[0], settings.jwt_secret_key))
    author.post(2)
    finished(author.until_there(house))
    page.add_init_script(LOSES_4)
    token = author.client.token(TENANT)
    page.goto(f"{house.address}/console#token={token}&learner={author.learner}&thread={author.thread}")
    expect(page.locator("#state")).to_have_text("Live", timeout=MILLISECONDS)
    author.post()
    expect(page.locator(".message[data-seq='3'] .content")).to_have_text("message 3", timeout=MILLISECONDS)
    author.change("EditMessage", 1, content="another word")
    author.change("DeleteMessage", 2)
    expect(page.locator(".message[data-seq='1'] .content")).to_have_text("another word", timeout=MILLISECONDS)
    expect(page.locator(".message[data-seq='2'].husk")).to_be_visible(timeout=MILLISECONDS)
    author.post(2)
    expect(page.locator(".gap")).to_contain_text("Message 4 is missing here.", timeout=MILLISECONDS)
    expect(page.locator("#held")).to_have_text("Messages 1–5, 1 gap")
    page.get_by_role("button", name="Read them").click()
    expect(page.locator("#held")).to_have_text("Messages 1–5, no gap")
    house.api.kill()
    expect(page.locator("#state")).to_have_text("Connecting again", timeout=MILLISECONDS)
    author.post(2)
    house.stand()
    expect(page.locator("#held")).to_have_text("Messages 1–7, no gap", timeout=MILLISECONDS)
    expect(page.locator("#state")).to_have_text("Live", timeout=MILLISECONDS)
    assert shown_seqs(page) == [1, 2, 3, 4, 5, 6, 7]
