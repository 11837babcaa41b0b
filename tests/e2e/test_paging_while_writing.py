"""Pages of a thread that somebody writes to, on real servers: each surviving message comes once, either way."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat.settings import Settings
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.wait import until
from tests.worker import WorkerProcess

TENANT, LEARNER = "tenant-p", "learner-p"
BEFORE = 520
"""Messages that are there before the writer begins: more than a bucket."""

WALKS = 2
LIMITS = (17, 50, 200)


@dataclass
class Writer:
    """Posts, and edits or deletes earlier messages, until it is told to stop."""

    client: ContractClient
    worker: WorkerProcess
    thread: str = field(default_factory=lambda: str(uuid.uuid4()))
    posted: list[dict[str, Any]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    sent: int = 0

    def begin(self) -> None:
        """The thread with its first messages, all of them applied."""
        self._send(create_thread(TENANT, LEARNER, self.thread))
        for _ in range(BEFORE):
            self._post()
        self.settle()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Writes as fast as the worker follows while the block lasts; all of it is applied at its end."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._write, args=(stopped,))
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
        self.settle()

    def _write(self, stopped: threading.Event) -> None:
        number = 0
        while not stopped.is_set():
            self._post()
            number += 37
            self._change("EditMessage", number, content=f"edited {number}")
            self._change("DeleteMessage", 3 * number)
            self.settle()

    def _post(self) -> None:
        command = post_message(TENANT, LEARNER, self.thread, f"message {len(self.posted) + 1}")
        self.posted.append(command)
        self._send(command)

    def _change(self, record_type: str, number: int, **fields: str) -> None:
        message = self.posted[number % len(self.posted)]["message_id"]
        if message in self.deleted:
            return
        if record_type == "DeleteMessage":
            self.deleted.add(message)
        ids = {"tenant_id": TENANT, "learner_id": LEARNER, "thread_id": self.thread, "message_id": message}
        self._send({"type": record_type, "command_id": str(uuid.uuid4()), **ids, **fields})

    def _send(self, command: dict[str, Any]) -> None:
        self.client.send(command, self.client.token(TENANT))
        self.sent += 1

    def settle(self) -> None:
        """Returns when all that was sent has its outcome."""
        self.client.flush()
        until(lambda: self.worker.metric("chat_outcomes_total") >= self.sent, 90, "every outcome")


@pytest.fixture(scope="module")
def worker(fresh: Settings, folder: Path) -> Iterator[WorkerProcess]:
    """A worker that lets threads become as long as they like."""
    settings = fresh.model_copy(update={"max_messages_per_thread": 0})
    process = WorkerProcess(settings, folder, program=("chat.cli.main", "worker")).start()
    yield process.until_ready()
    assert process.stop() == 0


@pytest.fixture(scope="module")
def writer(client: ContractClient, worker: WorkerProcess) -> Writer:
    writer = Writer(client, worker)
    writer.begin()
    return writer


def _walk(api: str, writer: Writer, limit: int, **begin: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Every item of every page, and the thread's last seq at each."""
    headers = {"Authorization": f"Bearer {writer.client.token(TENANT)}"}
    items, last_seqs = [], []
    params: dict[str, Any] = {**begin, "limit": limit}
    with httpx.Client(base_url=api, headers=headers, timeout=30) as http:
        while True:
            page = http.get(f"/api/v1/threads/{writer.thread}/messages", params=params).json()
            items += page["items"]
            last_seqs.append(page["last_seq"])
            if page["next_cursor"] is None:
                return items, last_seqs
            params = {"cursor": page["next_cursor"], "limit": limit}


@pytest.mark.parametrize("limit", LIMITS)
def test_each_surviving_message_comes_once(writer: Writer, api: str, limit: int) -> None:
    """Forward to the end as it is then, backward from where it was: no seq twice, none left out, none half written."""
    with writer.writing():
        walks = [(_walk(api, writer, limit, after_seq=0), _walk(api, writer, limit)) for _ in range(WALKS)]
        until(lambda: _last_seq(api, writer) > walks[-1][1][1][-1], 30, "another message")
    words = {one["message_id"]: one["content"] for one in writer.posted}
    for (forward, ends), (backward, starts) in walks:
        assert [one["seq"] for one in forward] == list(range(1, ends[-1] + 1))
        assert [one["seq"] for one in backward] == list(range(starts[0], 0, -1))
        assert all(_is_whole(one, words[one["message_id"]]) for one in [*forward, *backward])
    assert walks[-1][1][1][-1] > walks[0][0][1][0], "nobody wrote meanwhile"
    _assert_final(writer, api, limit)


def _last_seq(api: str, writer: Writer) -> int:
    return _walk(api, writer, 1, after_seq=10**9)[1][-1]


def _is_whole(item: dict[str, Any], words: str) -> bool:
    """As it was posted, as it was edited, or a husk; never a part of one and a part of another."""
    content: str | None = item["content"]
    if content is None or item["deleted_at"]:
        return content is None and bool(item["deleted_at"])
    edited = content.startswith("edited") and item["updated_at"] > item["created_at"]
    return content == words or bool(edited)


def _assert_final(writer: Writer, api: str, limit: int) -> None:
    """Once all is applied, husks are where messages were deleted and nowhere else."""
    items, _ = _walk(api, writer, limit, after_seq=0)
    assert [one["message_id"] for one in items] == [one["message_id"] for one in writer.posted]
    assert {one["message_id"] for one in items if one["deleted_at"]} == writer.deleted
