"""What is left of a thread whose messages have all expired: its seq, and then nothing."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chat.settings import Settings
from tests.brief_retention import BRIEF, PROGRAM
from tests.conftest import StartWorker
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.oracle.tables import Tables, session_of
from tests.wait import until
from tests.worker import WorkerProcess

LASTING = "tenant-lasting"
LEARNER = "learner-1"


class Reader:
    """Sees threads over HTTP."""

    def __init__(self, api: str, client: ContractClient) -> None:
        self._api = api
        self._client = client

    def get(self, tenant: str, path: str, **params: Any) -> httpx.Response:
        """The answer to a teacher of the tenant; 503 is none, for Cassandra may be away for a moment."""
        headers = {"Authorization": f"Bearer {self._client.token(tenant)}"}

        def answer() -> httpx.Response | None:
            got = httpx.get(f"{self._api}/api/v1/threads{path}", headers=headers, params=params, timeout=60)
            return None if got.status_code == httpx.codes.SERVICE_UNAVAILABLE else got

        given: httpx.Response = until(answer, what="an answer of the API")
        return given

    def seqs(self, tenant: str, thread: str) -> list[int]:
        """The seqs of a thread's messages."""
        return [one["seq"] for one in self.get(tenant, f"/{thread}/messages").json()["items"]]

    def is_gone(self, tenant: str, thread: str) -> bool:
        """Whether there is no such thread."""
        return self.get(tenant, f"/{thread}").status_code == httpx.codes.NOT_FOUND


@pytest.fixture
def reader(api: str, client: ContractClient) -> Reader:
    return Reader(api, client)


Send = Callable[..., None]


@pytest.fixture
def send(client: ContractClient) -> Send:
    """Sends commands and returns when the worker has their outcomes."""

    def sent(worker: WorkerProcess, *commands: dict[str, Any]) -> None:
        before = worker.metric("chat_outcomes_total")
        for command in commands:
            client.send(command, client.token(command["tenant_id"]))
        client.flush()
        until(lambda: worker.metric("chat_outcomes_total") >= before + len(commands), 60, "the outcomes")

    return sent


def _start(start_worker: StartWorker, settings: Settings, *, cleanup: bool) -> WorkerProcess:
    changes = {"automatic_cleanup": cleanup, "event_format": "json"}
    return start_worker(settings.model_copy(update=changes), program=PROGRAM).until_ready()


def _begun(tenant: str, posts: int) -> tuple[str, list[dict[str, Any]]]:
    """A thread and the commands that make it."""
    thread = str(uuid.uuid4())
    messages = [post_message(tenant, LEARNER, thread, f"words {number}") for number in range(posts)]
    return thread, [create_thread(tenant, LEARNER, thread), *messages]


def test_an_idle_thread_goes_on_at_its_next_seq(
    fresh: Settings, start_worker: StartWorker, reader: Reader, send: Send
) -> None:
    """All of its messages have expired and it is still there, nobody deletes it, and the fourth message is number 4."""
    worker = _start(start_worker, fresh, cleanup=False)
    thread, commands = _begun(BRIEF, 3)
    lasting, others = _begun(LASTING, 3)
    send(worker, *commands, *others)
    until(lambda: reader.seqs(BRIEF, thread) == [], 60, "the end of the messages")
    assert reader.get(BRIEF, f"/{thread}").json()["last_seq"] == 3
    send(worker, post_message(BRIEF, LEARNER, thread, "the fourth"))
    page = reader.get(BRIEF, f"/{thread}/messages").json()
    assert [(one["seq"], one["content"]) for one in page["items"]] == [(4, "the fourth")]
    assert (page["last_seq"], page["next_cursor"], page["prev_cursor"]) == (4, None, None)
    assert reader.seqs(LASTING, lasting) == [3, 2, 1]
    assert worker.metric("chat_expiries_asked_total") == 0
    assert worker.stop() == 0


def test_a_thread_that_holds_nothing_any_more_is_cleaned_up(
    fresh: Settings, start_worker: StartWorker, client: ContractClient, reader: Reader, send: Send
) -> None:
    """It ends like a deleted one, by the service, and its id stays taken; other tenants' threads stay."""
    worker = _start(start_worker, fresh, cleanup=True)
    thread, commands = _begun(BRIEF, 3)
    silent, silence = _begun(BRIEF, 0)
    lasting, others = _begun(LASTING, 3)
    mark = {**commands[0], "type": "MarkRead", "command_id": str(uuid.uuid4()), "seq": 2}
    del mark["title"]
    send(worker, *commands, *silence, *others, mark)
    until(lambda: reader.is_gone(BRIEF, thread) and reader.is_gone(BRIEF, silent), 60, "the end of the threads")
    assert {thread, silent}.isdisjoint(one["thread_id"] for one in _listed(reader, BRIEF))
    assert reader.seqs(LASTING, lasting) == [3, 2, 1]
    _assert_told(client, thread, [one["message_id"] for one in commands[1:]])
    _assert_no_rows(fresh, thread)
    send(worker, {**commands[0], "command_id": str(uuid.uuid4())})
    assert _codes(client)["thread_exists"] == 1
    assert worker.stop() == 0


def test_nobody_else_may_ask_for_it(
    fresh: Settings, start_worker: StartWorker, client: ContractClient, reader: Reader, send: Send
) -> None:
    """The service's own record with a teacher's token is refused, and the thread stays."""
    worker = _start(start_worker, fresh, cleanup=True)
    thread, commands = _begun(LASTING, 1)
    send(worker, *commands)
    moment = reader.get(LASTING, f"/{thread}").json()["last_activity_at"]
    ids = {name: commands[0][name] for name in ("tenant_id", "learner_id", "thread_id")}
    send(worker, {"type": "ExpireThread", "command_id": str(uuid.uuid4()), **ids, "active_at": moment})
    assert _codes(client)["unauthenticated"] == 1
    assert reader.seqs(LASTING, thread) == [1]
    assert worker.stop() == 0


def _listed(reader: Reader, tenant: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = reader.get(tenant, "", learner_id=LEARNER).json()["items"]
    return items


def _codes(client: ContractClient) -> Counter[str]:
    return Counter(json.loads(one.value())["code"] for one in client.records("chat.rejections"))


def _assert_told(client: ContractClient, thread: str, messages: list[str]) -> None:
    """Compaction would leave nothing of the thread but its end."""
    base = f"{BRIEF}/{LEARNER}/{thread}"
    records = until(lambda: _of_thread(client, base, len(messages) + 2), 30, "the Kafka tombstones")
    ended = json.loads(records.pop(base))
    assert (ended["event_type"], ended["data"]["deleted_by"]) == ("CHAT_THREAD_DELETED", "service:cleanup")
    assert records == {f"{base}/{one}": None for one in [*messages, "read/teacher-1"]}


def _of_thread(client: ContractClient, base: str, keys: int) -> dict[str, Any] | None:
    """The last value of every key, once all but one are Kafka tombstones."""
    last = {
        one.key().decode(): one.value() for one in client.records("chat.events") if one.key().startswith(base.encode())
    }
    return last if len(last) == keys and list(last.values()).count(None) == keys - 1 else None


def _assert_no_rows(settings: Settings, thread: str) -> None:
    """Nothing is left but the thread's state, which keeps its id taken."""
    with session_of(settings) as session:
        tables = Tables(session)
        rows = {name: [one for one in tables.rows(name) if str(one["thread_id"]) == thread] for name in HELD}
    assert {name: len(found) for name, found in rows.items()} == HELD
    assert {one["message_id"] for one in rows["thread_log"]} == {None}


HELD = {"messages": 0, "threads": 0, "read_marks": 0, "thread_log": 1, "thread_owners": 1}
"""Rows of a thread that is gone."""
