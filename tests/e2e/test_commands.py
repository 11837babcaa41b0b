"""Every command through Kafka, its effect through HTTP, and its event."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.client import ContractClient, create_thread, post_message
from tests.wait import until
from tests.worker import WorkerProcess

PLACE_OF = ("tenant-c", "learner-c")
PLACE = dict(zip(("tenant_id", "learner_id"), PLACE_OF, strict=True))


@dataclass
class Conversation:
    """One thread, its producer and its reader."""

    client: ContractClient
    worker: WorkerProcess
    api: str
    thread: str = field(default_factory=lambda: str(uuid.uuid4()))
    messages: list[str] = field(default_factory=list)

    def begin(self, posts: int) -> None:
        """A thread with `posts` messages."""
        commands = [create_thread(*PLACE_OF, self.thread)]
        commands += [post_message(*PLACE_OF, self.thread, f"words {number}") for number in range(posts)]
        self.messages = [one["message_id"] for one in commands[1:]]
        self.send(*commands)

    def send(self, *commands: dict[str, Any], **claims: Any) -> None:
        """Returns when every command has its outcome."""
        before = self.worker.metric("chat_outcomes_total")
        token = self.client.token(PLACE["tenant_id"], **claims)
        for command in commands:
            self.client.send({**PLACE, "command_id": str(uuid.uuid4()), "thread_id": self.thread, **command}, token)
        self.client.flush()
        until(lambda: self.worker.metric("chat_outcomes_total") >= before + len(commands), 60, "the outcomes")

    def get(self, path: str = "", **claims: Any) -> httpx.Response:
        """What the API says of the thread."""
        headers = {"Authorization": f"Bearer {self.client.token(PLACE['tenant_id'], **claims)}"}
        return httpx.get(f"{self.api}/api/v1/threads/{self.thread}{path}", headers=headers, timeout=60)

    def events(self) -> dict[str, Any]:
        """What compaction would leave of the thread's events: each key's last value, None for a Kafka tombstone."""
        base = f"{PLACE['tenant_id']}/{PLACE['learner_id']}/{self.thread}"
        records = [(one.key().decode(), one.value()) for one in self.client.records("chat.events")]
        return {key.removeprefix(base): value and json.loads(value) for key, value in records if key.startswith(base)}


@pytest.fixture
def talk(client: ContractClient, worker: WorkerProcess, api: str) -> Conversation:
    conversation = Conversation(client, worker, api)
    conversation.begin(posts=3)
    return conversation


def test_an_edit_and_a_delete_show_at_once(talk: Conversation) -> None:
    """An edited message has its new words, a deleted one is a husk, and both keep their seq."""
    first, second, _ = talk.messages
    talk.send({"type": "EditMessage", "message_id": first, "content": "better words"})
    talk.send({"type": "DeleteMessage", "message_id": second})
    items = {one["seq"]: one for one in talk.get("/messages").json()["items"]}
    assert [items[seq]["content"] for seq in (1, 2, 3)] == ["better words", None, "words 2"]
    assert items[2]["deleted_at"] is not None
    assert items[1]["updated_at"] > items[1]["created_at"]
    events = talk.events()
    assert events[f"/{first}"]["event_type"] == "CHAT_MESSAGE_UPDATED"
    assert events[f"/{second}"]["data"]["deleted_by"] == "teacher-1"


def test_a_mark_is_the_callers_own(talk: Conversation) -> None:
    """Who has read two of three messages has one unread; another user has three."""
    talk.send({"type": "MarkRead", "seq": 2})
    mine, others = talk.get().json(), talk.get(user_id="teacher-2").json()
    assert (mine["read_seq"], mine["unread"]) == (2, 1)
    assert (others["read_seq"], others["unread"]) == (0, 3)


def test_an_update_changes_the_listed_thread(talk: Conversation) -> None:
    """A new title shows in the thread and at the top of its learner's list; metadata stay."""
    talk.send({"type": "UpdateThread", "title": "A new title"})
    assert talk.get().json()["title"] == "A new title"
    headers = {"Authorization": f"Bearer {talk.client.token(PLACE['tenant_id'])}"}
    params = {"learner_id": "learner-c"}
    listed = httpx.get(f"{talk.api}/api/v1/threads", params=params, headers=headers, timeout=60).json()
    assert (listed["items"][0]["thread_id"], listed["items"][0]["title"]) == (talk.thread, "A new title")


def test_a_deleted_thread_is_gone_everywhere(talk: Conversation) -> None:
    """It is 404 in every path, and every message and mark has its Kafka tombstone."""
    talk.send({"type": "MarkRead", "seq": 3})
    talk.send({"type": "DeleteThread"}, role="admin")
    paths = ["", "/messages", f"/messages/{talk.messages[0]}"]
    assert [talk.get(path).status_code for path in paths] == [httpx.codes.NOT_FOUND] * 3
    events = until(lambda: (found := talk.events())[f"/{talk.messages[0]}"] is None and found, 30, "the tombstones")
    assert events.pop("")["event_type"] == "CHAT_THREAD_DELETED"
    assert events == {f"/{one}": None for one in talk.messages} | {"/read/teacher-1": None}
