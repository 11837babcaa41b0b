"""A client of the API for tests: over an application in this process, or over HTTP."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, NoReturn

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.cursor import Cursors
from api.health import Health
from api.live.rooms import Rooms
from api.read_side import FindCommandKey, ReadSide, no_command_key
from api.refusal_log import ReadWindow, nothing_refused
from chat.domain.model import FIRST_GENERATION, Details, LearnerId, Message, ThreadKey
from chat.privacy.export.shelf import Shelf
from chat.privacy.subject import Subjects
from chat.storage.history import History, ShownThread
from chat.storage.memory_privacy import MemoryRequests
from chat.storage.memory_reads import MemoryHistory
from chat.storage.privacy_store import RequestHistory
from chat.tokens import TokenVerifier
from tests.records import NOW, settings_for_tests, token, uid

TENANT = "tenant-1"
LEARNER = "learner-1"


def key_of(number: int, tenant: str = TENANT, learner: str = LEARNER) -> ThreadKey:
    """A thread's key."""
    return ThreadKey(LearnerId(tenant, learner, FIRST_GENERATION), uid(1, number))


def shown_thread(number: int = 1, last_seq: int = 0, last_activity_at: int = NOW) -> ShownThread:
    """A thread as a reader sees it."""
    details = Details("Fractions", '{"class":"4b"}', "teacher-1", NOW, NOW + 1)
    return ShownThread(uid(1, number), details, last_seq, last_activity_at)


def message_at(seq: int, thread: int = 1, **changes: Any) -> Message:
    """The message of a thread at a seq."""
    made = Message(
        message_id=uid(2, seq),
        thread_id=uid(1, thread),
        seq=seq,
        sender_id="teacher-1",
        content=f"message {seq}",
        message_type="text",
        reply_to=None,
        metadata="{}",
        created_at=NOW + seq,
        updated_at=NOW + seq,
    )
    return made._replace(**changes)


async def put_conversation(history: MemoryHistory, key: ThreadKey, messages: int, **changes: Any) -> None:
    """A thread with so many messages."""
    number = int(key.thread_id[-12:], 16)
    await history.put_thread(key, shown_thread(number, messages, **changes))
    for seq in range(1, messages + 1):
        await history.put_message(key, message_at(seq, number))


async def secret() -> bytes:
    """The secret of the tests' cursors."""
    return b"a secret of the tests' cursors .."


def make_app(
    history: History,
    health: Health | None = None,
    requests: RequestHistory | None = None,
    exports: Shelf | None = None,
    *,
    rooms: Rooms | None = None,
    command_key: FindCommandKey = no_command_key,
    refusals: ReadWindow = nothing_refused,
    **settings: Any,
) -> FastAPI:
    """An application over `history`, without a limit of requests unless `settings` say so."""
    chosen = settings_for_tests(**{"enable_rate_limiting": False, **settings})
    kept = requests or MemoryRequests(Subjects(b"s" * 32))
    verifier = TokenVerifier(chosen)
    rooms = rooms or Rooms(history, chosen.stream_listeners, chosen.stream_seconds)
    health = health or Health({})
    cursors = Cursors(secret)
    return create_app(ReadSide(chosen, history, kept, verifier, health, cursors, rooms, exports, command_key, refusals))


class Broken(MemoryHistory):
    """A history that fails as told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def owner(self, *_asked: str) -> NoReturn:
        raise self.error


class ApiClient:
    """Asks as one caller; `bearer` may be changed between requests, None for nobody."""

    def __init__(self, transport: httpx.AsyncBaseTransport, bearer: str | None, base_url: str = "http://api") -> None:
        self.bearer = bearer
        self.http = httpx.AsyncClient(transport=transport, base_url=base_url, timeout=60)

    async def get(self, path: str, headers: Any = None, **params: Any) -> httpx.Response:
        """One request; parameters that are None are left out."""
        authorization = {} if self.bearer is None else {"authorization": f"Bearer {self.bearer}"}
        given = {name: value for name, value in params.items() if value is not None}
        return await self.http.get(path, params=given or None, headers=authorization | (headers or {}))

    async def json(self, path: str, **params: Any) -> Any:
        """The body of a successful request."""
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    async def pages(self, path: str, way: str = "next_cursor", **params: Any) -> AsyncIterator[dict[str, Any]]:
        """Every page of a listing, one way, until no cursor is left."""
        while True:
            page = await self.json(path, **params)
            yield page
            if page[way] is None:
                return
            params["cursor"] = page[way]

    async def items(self, path: str, way: str = "next_cursor", **params: Any) -> list[dict[str, Any]]:
        """The items of every page, in the order in which the pages came."""
        return [item async for page in self.pages(path, way, **params) for item in page["items"]]


def client_of(app: FastAPI, bearer: str | None = None, address: str = "192.0.2.1") -> ApiClient:
    """A client of an application in this process, by default a teacher of the whole tenant."""
    transport = httpx.ASGITransport(app=app, client=(address, 1234), raise_app_exceptions=False)
    return ApiClient(transport, bearer or token(TENANT))


def seqs(items: Iterable[dict[str, Any]]) -> list[int]:
    """The seqs of messages as they were shown."""
    return [item["seq"] for item in items]
