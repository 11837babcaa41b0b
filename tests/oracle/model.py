"""The contract once more, as simply as it can be said: what must become of each record of a log.

Shares nothing with the service but the namespace of the event ids, so that one mistake is not made twice.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chat.domain.events import NAMESPACE
from tests.oracle.gate import gate, moderates, user
from tests.oracle.intents import Intent, Logged
from tests.oracle.lives import Fence, Life
from tests.oracle.state import Mark, Message, Thread

EVENTS = {
    "CreateThread": "CHAT_THREAD_CREATED",
    "UpdateThread": "CHAT_THREAD_UPDATED",
    "DeleteThread": "CHAT_THREAD_DELETED",
    "MarkRead": "CHAT_THREAD_READ",
    "PostMessage": "CHAT_MESSAGE_CREATED",
    "EditMessage": "CHAT_MESSAGE_UPDATED",
    "DeleteMessage": "CHAT_MESSAGE_DELETED",
}
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """A record's outcome: `applied` with its event's id, key and data, `refused` or `dead_letter` with its code."""

    logged: Logged
    kind: str
    code: str = ""
    event_id: str | None = None
    key: str = ""
    data: Data = field(default_factory=dict)


class Model:
    """Judges the records of every partition in the log's order.

    `owners` says whose a thread id became, by tenant and thread: where learners of two partitions want the same one,
    either may get it. `limit` is MAX_MESSAGES_PER_THREAD. `fences` end and begin lives. Behind its end all of a life is
    refused; before it the owner may have heard already: `late` are the records that it refused for that. From the first
    of them on it must have refused all.
    """

    def __init__(
        self,
        owners: Mapping[tuple[str, str], str],
        limit: int,
        fences: Sequence[Fence] = (),
        late: Container[tuple[int, int]] = (),
    ) -> None:
        self._owners = owners
        self._limit = limit
        self._fences = fences
        self._late = late
        self.threads: dict[tuple[str, str], Thread] = {}
        self.applied: dict[tuple[str, str, str], Expected] = {}
        self.lives: defaultdict[tuple[str, str], Life] = defaultdict(Life)
        self.ended: set[tuple[int, int]] = set()

    def judge(self, log: Iterable[Logged]) -> list[Expected]:
        """The outcome of each record."""
        expected = []
        steps: list[Logged | Fence] = [*log, *self._fences]
        for one in sorted(steps, key=lambda one: one.place):
            if isinstance(one, Fence):
                self._reach(one)
            else:
                expected.append(self._judge(one))
        return expected

    def _reach(self, fence: Fence) -> None:
        life = self.lives[fence.learner]
        if fence.ends and life.alive and fence.generation == life.generation:
            life.alive = False
            self.ended |= life.places
            self.applied = {key: one for key, one in self.applied.items() if key[:2] != fence.learner}
            for thread in self.threads.values():
                thread.erased |= thread.learner == fence.learner
        elif not fence.ends and not life.alive and fence.generation == life.generation + 1:
            self.lives[fence.learner] = Life(fence.generation)

    def _is_over(self, one: Logged) -> bool:
        life = self.lives[one.intent.learner]
        if one.place in self._late and any(life.is_ended_by(fence, one) for fence in self._fences):
            life.ending = True
        life.places.add(one.place)
        return life.ending or not life.alive

    def _judge(self, one: Logged) -> Expected:
        intent = one.intent
        if not intent.type:
            return Expected(one, "dead_letter", intent.flaw)
        code = gate(one) or intent.flaw
        if code:
            return Expected(one, "refused", code)
        if self._is_over(one):
            return Expected(one, "refused", "learner_erased")
        earlier = self.applied.get((*intent.learner, intent.fields["command_id"]))
        if earlier is not None:
            return _used_before(one, earlier)
        code = self._rule(intent)
        return Expected(one, "refused", code) if code else self._apply(one)

    def _rule(self, intent: Intent) -> str:
        """The code of the first check that fails, or nothing."""
        fields = intent.fields
        thread = self.threads.get((fields["tenant_id"], fields["thread_id"]))
        if intent.type == "CreateThread":
            owner = self._owners.get((fields["tenant_id"], fields["thread_id"]), fields["learner_id"])
            return "thread_exists" if thread or owner != fields["learner_id"] else ""
        if thread is None or thread.learner != intent.learner or thread.deleted:
            return "thread_not_found"
        return RULES[intent.type](self._limit, thread, intent)

    def _apply(self, one: Logged) -> Expected:
        intent, command_id = one.intent, one.intent.fields["command_id"]
        if intent.type == "CreateThread":
            thread, parts, data = self._create(one)
        else:
            thread = self.threads[intent.fields["tenant_id"], intent.fields["thread_id"]]
            thread.touch(one.offset, one.timestamp)
            parts, data = EFFECTS[intent.type](thread, one)
        name = "/".join((*intent.learner, command_id, EVENTS[intent.type]))
        key = "/".join((thread.key, *parts))
        expected = Expected(one, "applied", "", str(uuid.uuid5(NAMESPACE, name)), key, data)
        self.applied[(*intent.learner, command_id)] = expected
        return expected

    def _create(self, one: Logged) -> tuple[Thread, tuple[str, ...], Data]:
        fields, time = one.intent.fields, one.timestamp
        data = {name: fields[name] for name in ("thread_id", "title", "metadata")}
        data |= {"created_by": user(one.intent), "created_at": time, "updated_at": time}
        thread = Thread(one.intent.learner, data, one.offset, time * 1000, time * 1000, time)
        self.threads[fields["tenant_id"], fields["thread_id"]] = thread
        return thread, (), data


def _may_post(limit: int, thread: Thread, intent: Intent) -> str:
    if intent.fields["message_id"] in thread.messages:
        return "message_exists"
    if intent.fields["reply_to"] is not None and intent.fields["reply_to"] not in thread.messages:
        return "message_not_found"
    return "thread_full" if 0 < limit <= len(thread.messages) else ""


def _may_edit(_limit: int, thread: Thread, intent: Intent) -> str:
    message = thread.messages.get(intent.fields["message_id"])
    if message is None or message.deleted:
        return "message_not_found"
    if message.data["sender_id"] != user(intent):
        return "forbidden"
    return "invalid" if not intent.fields["content"] and message.data["message_type"] == "text" else ""


def _may_delete(_limit: int, thread: Thread, intent: Intent) -> str:
    message = thread.messages.get(intent.fields["message_id"])
    if message is None or message.deleted:
        return "message_not_found"
    return "" if message.data["sender_id"] == user(intent) or moderates(intent) else "forbidden"


def _may_mark(_limit: int, thread: Thread, intent: Intent) -> str:
    return "invalid" if intent.fields["seq"] > len(thread.messages) else ""


def _may(_limit: int, _thread: Thread, _intent: Intent) -> str:
    return ""


RULES: Mapping[str, Callable[[int, Thread, Intent], str]] = {
    "UpdateThread": _may,
    "DeleteThread": _may,
    "PostMessage": _may_post,
    "EditMessage": _may_edit,
    "DeleteMessage": _may_delete,
    "MarkRead": _may_mark,
}


def _update(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    thread.data = {**thread.data, **_said(one.intent, "title", "metadata"), "updated_at": one.timestamp}
    thread.details_time = thread.write_time
    thread.move()
    return (), thread.data


def _delete(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    thread.deleted_at = one.timestamp
    return (), {"thread_id": thread.data["thread_id"], "deleted_by": user(one.intent)}


def _mark(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    reader = user(one.intent)
    before = thread.marks.get(reader, Mark(0, 0))
    mark = Mark(max(before.seq, one.intent.fields["seq"]), thread.write_time)
    thread.marks[reader] = mark
    return ("read", reader), {"thread_id": thread.data["thread_id"], "user_id": reader, "seq": mark.seq}


def _post(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    fields, time = one.intent.fields, one.timestamp
    names = ("thread_id", "message_id", "content", "message_type", "reply_to", "metadata")
    data = {name: fields[name] for name in names} | {"sender_id": user(one.intent)}
    data |= {"seq": len(thread.messages) + 1, "created_at": time, "updated_at": time}
    thread.messages[fields["message_id"]] = Message({**data, "deleted_at": None}, thread.write_time)
    thread.move()
    return (fields["message_id"],), data


def _edit(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    message = thread.messages[one.intent.fields["message_id"]]
    changes = {**_said(one.intent, "content", "metadata"), "updated_at": one.timestamp}
    message.data, message.write_time = {**message.data, **changes}, thread.write_time
    data = {name: value for name, value in message.data.items() if name != "deleted_at"}
    return (data["message_id"],), data


def _empty(thread: Thread, one: Logged) -> tuple[tuple[str, ...], Data]:
    message = thread.messages[one.intent.fields["message_id"]]
    husk = {"content": None, "metadata": "{}", "updated_at": one.timestamp, "deleted_at": one.timestamp}
    message.data, message.write_time = {**message.data, **husk}, thread.write_time
    data = {name: message.data[name] for name in ("message_id", "thread_id", "seq")}
    return (data["message_id"],), data | {"deleted_by": user(one.intent)}


EFFECTS: Mapping[str, Callable[[Thread, Logged], tuple[tuple[str, ...], Data]]] = {
    "UpdateThread": _update,
    "DeleteThread": _delete,
    "MarkRead": _mark,
    "PostMessage": _post,
    "EditMessage": _edit,
    "DeleteMessage": _empty,
}


def _said(intent: Intent, *names: str) -> dict[str, Any]:
    """What a command changes; null is unchanged."""
    return {name: intent.fields[name] for name in names if intent.fields[name] is not None}


def _used_before(one: Logged, earlier: Expected) -> Expected:
    """The same command is a duplicate; another one under its id is invalid."""
    first = earlier.logged.intent
    if (first.type, first.fields) == (one.intent.type, one.intent.fields):
        return Expected(one, "refused", "duplicate", earlier.event_id)
    return Expected(one, "refused", "invalid")


def same_json(one: str, other: str) -> bool:
    """Whether two texts are the same JSON."""
    return bool(json.loads(one) == json.loads(other))
