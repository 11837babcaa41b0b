"""Live streams on real servers: what listeners see, whatever ends meanwhile."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from api.serve import GRACE_SECONDS
from chat.sdk.live import AsyncLiveStream, Ended, LiveEvent, Posted, Reconnecting
from chat.settings import Settings
from tests.e2e.client import ContractClient
from tests.e2e.live_house import SECONDS, TENANT, Author, House
from tests.sse import seqs
from tests.wait import until_async
from tests.worker import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "follow_thread.py"


@pytest.fixture(scope="module")
def module_house(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Events are in Avro, and their words sealed."""
    settings = fresh.model_copy(update={"event_content": "sealed", "max_messages_per_thread": 0})
    made = House(settings, tmp_path_factory.mktemp("stream")).stand()
    yield made
    running = [process for process in (made.worker, made.api) if process.alive]
    assert [process.stop() for process in running] == [0] * len(running)


@pytest.fixture
def house(module_house: House) -> House:
    """It stands, whatever an earlier test left of it: a test that failed half-way fails no other."""
    return module_house.stand()


@pytest.fixture
def author(client: ContractClient) -> Author:
    return Author(client)


async def test_what_happens_is_seen(house: House, author: Author) -> None:
    """New messages with ids, edits and deletes without, as GET shows them; words of sealed events are readable."""
    author.post(3)
    await author.until_there(house)
    async with house.listening(author.client.token(TENANT), [(author.thread, "1"), (author.thread, None)]) as watchers:
        late, new = watchers
        author.post()
        author.change("EditMessage", 1, content="another word")
        author.change("DeleteMessage", 2)
        await until_async(lambda: all(one.named("delete") for one in watchers), SECONDS)
        assert late.seen[0] == ("resync", {"last_seq": 3, "after_seq": 1}, None)
        assert new.seen[0] == ("resync", {"last_seq": 3, "after_seq": 3}, None)
        assert seqs(late.seen) == [2, 3, 4]
        assert seqs(new.seen) == [4]
        for one in watchers:
            assert [(edit["seq"], edit["content"]) for edit in one.named("edit")] == [(1, "another word")]
            assert [(gone["seq"], gone["content"]) for gone in one.named("delete")] == [(2, None)]
            for shown in one.named("message")[-1:] + one.named("edit") + one.named("delete"):
                path = f"/api/v1/threads/{author.thread}/messages/{shown['message_id']}"
                assert (await one.http.get(path)).json() == shown


async def test_a_token_that_expires_ends_its_stream(house: House, author: Author) -> None:
    """With the reason; the next connect is 401."""
    await author.until_there(house)
    token = author.client.token(TENANT, exp=int(time.time()) + 12)
    async with house.listening(token, [(author.thread, None)]) as (one,):
        await until_async(lambda: one.statuses[-1] == 401, SECONDS, "401")
        assert one.seen[-1].event == "end"
        assert one.named("end") == [{"reason": "token_expired"}]


async def test_a_deleted_thread_ends_its_streams(house: House, author: Author) -> None:
    """With the reason; the next connect is 404."""
    author.post()
    await author.until_there(house)
    async with house.listening(author.client.token(TENANT), [(author.thread, "0")]) as (one,):
        author.command("DeleteThread")
        await until_async(lambda: one.statuses[-1] == 404, SECONDS, "404")
        assert one.named("end") == [{"reason": "thread_deleted"}]
        assert seqs(one.seen) == [1]


async def test_an_erased_learner_ends_its_streams(house: House, author: Author) -> None:
    """With the reason; the next connect is 404."""
    author.post()
    await author.until_there(house)
    async with house.listening(author.client.token(TENANT), [(author.thread, "0")]) as (one,):
        request = {"request_id": str(uuid.uuid4()), "reason": "erasure"}
        author.command("DeleteLearnerData", "chat.privacy.commands", **request)
        await until_async(lambda: one.named("end"), SECONDS, "the end")
        assert one.named("end")[0] == {"reason": "learner_erased"}
        await until_async(lambda: one.statuses[-1] == 404, SECONDS, "404")


async def test_a_process_that_stops_ends_its_streams_first(house: House, author: Author) -> None:
    """With the reason, and status 0 long before its grace is over; the client goes on at the next process."""
    author.post(2)
    await author.until_there(house)
    async with house.listening(author.client.token(TENANT), [(author.thread, "0")] * 20) as watchers:
        stopped = time.monotonic()
        assert await asyncio.to_thread(house.api.stop) == 0
        assert time.monotonic() - stopped < GRACE_SECONDS / 2
        said = [[{"reason": "stopping"}]] * 20  # who comes back at once may be told twice
        await until_async(lambda: [one.named("end")[:1] for one in watchers] == said, SECONDS, "the reason")
        house.api.start()
        await until_async(lambda: all(one.connects > 1 for one in watchers), SECONDS, "every listener's second connect")
        author.post()
        await until_async(lambda: all(len(one.named("message")) > 2 for one in watchers), SECONDS, "the third message")
    assert {tuple(seqs(one.seen)) for one in watchers} == {(1, 2, 3)}


async def test_the_client_follows_a_thread(house: House, author: Author, tmp_path: Path) -> None:
    """Both kinds, over an expired token, a killed API and a killed worker, to the thread's end; the example is one."""
    await author.until_there(house)
    token = tmp_path / "token"
    token.write_text(author.client.token(TENANT, exp=int(time.time()) + 18))
    example = _example(house.address, author.thread, token)
    seen: list[LiveEvent] = []
    following = asyncio.create_task(_follow(house.address, author.thread, token, seen))
    with example:
        try:
            author.post(2)
            await until_async(lambda: len(_posted(seen)) == len(_lines(tmp_path)) == 2, SECONDS, "two messages in both")
            # It is read before a connection only: whoever connects again must find the next one there.
            token.write_text(author.client.token(TENANT))
            await until_async(lambda: _reasons(seen) == ["token_expired"], SECONDS, "the token's end")
            author.post(2)
            await until_async(lambda: _posted(seen) == [1, 2, 3, 4], SECONDS, "what came under the next token")
            house.api.kill()
            house.worker.kill()
            author.post(2)
            house.api.start()
            house.worker.start()
            await until_async(lambda: len(_posted(seen)) == len(author.ids), SECONDS, "what was said meanwhile")
            # Who comes back only when the thread is deleted is told that there is none.
            await until_async(lambda: len(_lines(tmp_path)) == len(author.ids), SECONDS, "the same from the example")
            author.command("DeleteThread")
            await asyncio.wait_for(following, SECONDS)
            await asyncio.to_thread(example.wait, timeout=SECONDS)
        finally:
            example.kill()
    assert _posted(seen) == [1, 2, 3, 4, 5, 6]
    assert seen[-1] == Ended("thread_deleted")
    complaints = (tmp_path / "complaints").read_text()
    assert example.returncode == 0, complaints
    assert [json.loads(line) for line in _lines(tmp_path)] == [[seq, f"message {seq}"] for seq in range(1, 7)]
    assert "token_expired: connecting again" in complaints


def _example(address: str, thread: str, token: Path) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, str(EXAMPLE), address, thread, str(token), "0"]
    folder = token.parent
    with (folder / "said").open("wb") as said, (folder / "complaints").open("wb") as complaints:
        return subprocess.Popen(arguments, stdout=said, stderr=complaints, cwd=folder)


def _lines(folder: Path) -> list[str]:
    """What the example has printed."""
    return (folder / "said").read_text().splitlines()


async def _follow(address: str, thread: str, token: Path, seen: list[LiveEvent]) -> None:
    async def fresh() -> str:
        return await asyncio.to_thread(token.read_text)

    async with AsyncLiveStream(address, fresh) as live:
        async for event in live.follow(thread, 0):
            seen.append(event)  # noqa: PERF401 - it is looked at meanwhile


def _posted(seen: Sequence[LiveEvent]) -> list[int]:
    return [one.message.seq for one in seen if isinstance(one, Posted)]


def _reasons(seen: Sequence[LiveEvent]) -> list[str]:
    return [one.reason for one in seen if isinstance(one, Reconnecting)]


async def test_every_listener_sees_every_message_once(house: House, client: ContractClient) -> None:
    """200 of them, while the API is killed and started again, and the worker is."""
    await _everyone_sees_everything(house, client, listeners=200, threads=20, messages=12)


@pytest.mark.soak
async def test_a_thousand_listeners_see_every_message_once(house: House, client: ContractClient) -> None:
    """As above, for as many as a process takes."""
    await _everyone_sees_everything(house, client, listeners=1_000, threads=100, messages=60)


async def _everyone_sees_everything(
    house: House, client: ContractClient, listeners: int, threads: int, messages: int
) -> None:
    authors = [Author(client) for _ in range(threads)]
    for one in authors:
        await one.until_there(house)
    whom = [(authors[number % threads].thread, "0") for number in range(listeners)]

    def write() -> None:
        for one in authors:
            one.post(messages // 4)

    async with house.listening(client.token(TENANT), whom) as watchers:
        await asyncio.to_thread(write)
        house.worker.kill()
        await asyncio.to_thread(write)
        house.worker.start()
        await until_async(lambda: sum(len(one.named("message")) for one in watchers) > listeners, SECONDS, "some")
        house.api.kill()
        await asyncio.to_thread(write)
        house.api.start()
        await until_async(lambda: all(one.connects > 1 for one in watchers), SECONDS, "every listener's second connect")
        await asyncio.to_thread(write)
        with contextlib.suppress(AssertionError):  # what is said below says more
            await until_async(lambda: all(len(one.named("message")) >= messages for one in watchers), SECONDS)
    assert {tuple(seqs(one.seen)) for one in watchers} == {tuple(range(1, messages + 1))}
