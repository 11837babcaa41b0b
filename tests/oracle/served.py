"""Whether readers see over HTTP exactly what the log made of every thread."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from api.serve import serve
from chat.settings import Settings
from tests.api_client import ApiClient
from tests.oracle.findings import Finding
from tests.oracle.hand import USERS
from tests.oracle.model import Model
from tests.oracle.state import Message, Thread
from tests.records import token
from tests.wait import until_async

READERS = ("the-oracle", USERS[0])
"""One who has read nothing, and one who writes and reads."""
PAGE = 37
"""No divisor of anything, so that pages end anywhere."""
AT_ONCE = 8
"""Learners who are asked for at the same time, so that the API has work while one answer is looked at."""

GONE = httpx.codes.NOT_FOUND
Shown = Mapping[str, Any]


def check(model: Model, settings: Settings) -> list[Finding]:
    """Reads every learner's list, every thread and every page of its messages from an API of its own."""
    return asyncio.run(_check(model, settings))


async def _check(model: Model, settings: Settings) -> list[Finding]:
    learners: defaultdict[tuple[str, str], dict[str, Thread]] = defaultdict(dict)
    for (_, thread_id), thread in model.threads.items():
        learners[thread.learner][thread_id] = thread
    left = iter(learners.items())
    async with _serving(settings) as address:
        found = await asyncio.gather(*(_walk(address, left) for _ in range(AT_ONCE)))
    return [one for some in found for one in some]


async def _walk(address: str, left: Iterator[tuple[tuple[str, str], Mapping[str, Thread]]]) -> list[Finding]:
    """What is wrong with the learners that it gets of those who are left."""
    async with _client(address) as client:
        found = [await _answered(client, learner, threads) for learner, threads in left]
    return [one for some in found for one in some]


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[str]:
    """The address of an API process's own code, on a port of its own, ready."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    changes = {"api_port": 0, "enable_rate_limiting": False}
    server = asyncio.create_task(serve(settings.model_copy(update=changes), stop, address.set_result))
    try:
        async with _client(await address) as client:
            await until_async(lambda: _is_ready(client), what="the API being ready")
        yield address.result()
    finally:
        stop.set()
        await server


@asynccontextmanager
async def _client(address: str) -> AsyncIterator[ApiClient]:
    client = ApiClient(httpx.AsyncHTTPTransport(), None, address)
    async with client.http:
        yield client


async def _is_ready(client: ApiClient) -> bool:
    return (await client.get("/health/ready")).status_code == httpx.codes.OK


async def _answered(client: ApiClient, learner: tuple[str, str], threads: Mapping[str, Thread]) -> list[Finding]:
    """What is wrong with a learner; an answer that is none is a finding too."""
    try:
        return await _learner(client, learner, threads)
    except AssertionError as error:
        return [Finding("http", f"{learner}: {error!s:.200}")]


async def _learner(client: ApiClient, learner: tuple[str, str], threads: Mapping[str, Thread]) -> list[Finding]:
    living = {thread_id: thread for thread_id, thread in threads.items() if not thread.deleted}
    found: list[Finding] = []
    for reader in READERS:
        client.bearer = token(learner[0], reader, "guardian", learners=[learner[1]])
        listed = await client.items("/api/v1/threads", learner_id=learner[1], limit=PAGE)
        found += _list(learner, [_thread(one, reader) for one in living.values()], listed)
        for thread_id, thread in living.items():
            shown = await client.json(f"/api/v1/threads/{thread_id}")
            found += _differences(f"thread {thread_id}", [_thread(thread, reader)], [shown])
    for thread_id, thread in living.items():
        found += await _messages(client, thread_id, thread)
    for thread_id in threads.keys() - living.keys():
        found += await _gone(client, thread_id, threads[thread_id])
    return found


async def _messages(client: ApiClient, thread_id: str, thread: Thread) -> list[Finding]:
    path = f"/api/v1/threads/{thread_id}/messages"
    wanted = [_message(one) for one in thread.kept]
    upwards = await client.items(path, after_seq=0, limit=PAGE)
    downwards = await client.items(path, limit=PAGE)
    return [
        *_differences(f"messages of {thread_id} from the first on", wanted, upwards),
        *_differences(f"messages of {thread_id} from the last on", wanted[::-1], downwards),
    ]


async def _gone(client: ApiClient, thread_id: str, thread: Thread) -> list[Finding]:
    """Nobody sees anything of a deleted thread, by whatever path."""
    path = f"/api/v1/threads/{thread_id}"
    paths = [path, f"{path}/messages", *(f"{path}/messages/{one}" for one in list(thread.messages)[:1])]
    statuses = {one: (await client.get(one)).status_code for one in paths}
    return [Finding("http", f"{one}: {status}, but was deleted") for one, status in statuses.items() if status != GONE]


def _list(learner: tuple[str, str], wanted: Sequence[Shown], listed: Sequence[Shown]) -> Iterator[Finding]:
    times = [one["last_activity_at"] for one in listed]
    if times != sorted(times, reverse=True):
        yield Finding("http", f"the list of {learner} is not by latest activity")
    yield from _differences(f"the list of {learner}", sorted(wanted, key=_id), sorted(listed, key=_id))


def _id(shown: Shown) -> str:
    return str(shown["thread_id"])


def _differences(what: str, wanted: Sequence[Shown], shown: Sequence[Shown]) -> Iterator[Finding]:
    if len(wanted) != len(shown):
        yield Finding("http", f"{what}: {len(shown)} are shown, expected are {len(wanted)}")
    for one, other in zip(wanted, shown, strict=False):
        wrong = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        if wrong:
            yield Finding("http", f"{what}: {wrong} are {[other.get(name) for name in wrong]!r:.200}")


def _thread(thread: Thread, reader: str) -> Shown:
    length = len(thread.messages)
    read = thread.marks[reader].seq if reader in thread.marks else 0
    return {
        **_open(thread.data),
        "tenant_id": thread.learner[0],
        "learner_id": thread.learner[1],
        "last_seq": length,
        "last_activity_at": _time(thread.active_at),
        "read_seq": read,
        "unread": length - read,
    }


def _message(one: Message) -> Shown:
    return {**_open(one.data), "deleted_at": _time(one.data["deleted_at"]) if one.deleted else None}


def _open(data: Shown) -> dict[str, Any]:
    """As JSON over HTTP has it."""
    times = {name: _time(data[name]) for name in ("created_at", "updated_at")}
    return {**data, **times, "metadata": json.loads(data["metadata"])}


def _time(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
