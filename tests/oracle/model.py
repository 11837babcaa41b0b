"""The contract once more, as simply as it can be said: what must become of each record of a log.

Shares nothing with the service but the namespace of the event ids, so that one mistake is not made twice.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chat.domain.events import NAMESPACE
from tests.oracle.intents import Intent, Logged

WRITERS = {
    "CreateThread": {"guardian", "teacher", "admin"},
    "PostMessage": {"learner", "guardian", "teacher", "admin"},
}
NEEDED = {"CreateThread": "threads:write", "PostMessage": "messages:write"}
EVENTS = {"CreateThread": "CHAT_THREAD_CREATED", "PostMessage": "CHAT_MESSAGE_CREATED"}


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome of a record: `applied` with its event, `refused` or `dead_letter` with its code."""

    logged: Logged
    kind: str
    code: str = ""
    event_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Thread:
    """What must be stored of a thread; `write_time` in microseconds, `offset` of its last applied command."""

    learner: tuple[str, str]
    data: Mapping[str, Any]
    offset: int
    write_time: int
    details_time: int
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    write_times: list[int] = field(default_factory=list)


class Model:
    """Judges the records of every partition in the log's order.

    `owners` says whose a thread id became, by tenant and thread: where learners of two partitions want the same one,
    either may get it. `limit` is MAX_MESSAGES_PER_THREAD.
    """

    def __init__(self, owners: Mapping[tuple[str, str], str], limit: int) -> None:
        self._owners = owners
        self._limit = limit
        self.threads: dict[tuple[str, str], Thread] = {}
        self.applied: dict[tuple[str, str, str], Expected] = {}

    def judge(self, log: Iterable[Logged]) -> list[Expected]:
        """The outcome of each record."""
        return [self._judge(one) for one in sorted(log, key=lambda one: one.place)]

    def _judge(self, one: Logged) -> Expected:
        intent = one.intent
        if not intent.type:
            return Expected(one, "dead_letter", intent.flaw)
        code = _gate(one) or intent.flaw
        if code:
            return Expected(one, "refused", code)
        earlier = self.applied.get((*intent.learner, intent.fields["command_id"]))
        if earlier is not None:
            return _used_before(one, earlier)
        code = self._rule(intent)
        return Expected(one, "refused", code) if code else self._apply(one)

    def _rule(self, intent: Intent) -> str:
        fields = intent.fields
        thread = self.threads.get((fields["tenant_id"], fields["thread_id"]))
        if intent.type == "CreateThread":
            owner = self._owners.get((fields["tenant_id"], fields["thread_id"]), fields["learner_id"])
            return "thread_exists" if thread or owner != fields["learner_id"] else ""
        if thread is None or thread.learner != intent.learner:
            return "thread_not_found"
        taken = {message["message_id"] for message in thread.messages}
        if fields["message_id"] in taken:
            return "message_exists"
        if fields["reply_to"] is not None and fields["reply_to"] not in taken:
            return "message_not_found"
        return "thread_full" if 0 < self._limit <= len(thread.messages) else ""

    def _apply(self, one: Logged) -> Expected:
        intent, command_id = one.intent, one.intent.fields["command_id"]
        data = self._created(one) if intent.type == "CreateThread" else self._posted(one)
        name = "/".join((*intent.learner, command_id, EVENTS[intent.type]))
        expected = Expected(one, "applied", "", str(uuid.uuid5(NAMESPACE, name)), data)
        self.applied[(*intent.learner, command_id)] = expected
        return expected

    def _created(self, one: Logged) -> Mapping[str, Any]:
        fields, time = one.intent.fields, one.timestamp
        data = {name: fields[name] for name in ("thread_id", "title", "metadata")}
        data |= {"created_by": _user(one.intent), "created_at": time, "updated_at": time}
        key = fields["tenant_id"], fields["thread_id"]
        self.threads[key] = Thread(one.intent.learner, data, one.offset, time * 1000, time * 1000)
        return data

    def _posted(self, one: Logged) -> Mapping[str, Any]:
        fields, time = one.intent.fields, one.timestamp
        thread = self.threads[fields["tenant_id"], fields["thread_id"]]
        names = ("thread_id", "message_id", "content", "message_type", "reply_to", "metadata")
        data = {name: fields[name] for name in names} | {"sender_id": _user(one.intent)}
        data |= {"seq": len(thread.messages) + 1, "created_at": time, "updated_at": time}
        thread.messages.append(data)
        thread.offset, thread.write_time = one.offset, max(time * 1000, thread.write_time + 1)
        thread.write_times.append(thread.write_time)
        return data


def _used_before(one: Logged, earlier: Expected) -> Expected:
    """The same command is a duplicate; another one under its id is invalid."""
    first = earlier.logged.intent
    if (first.type, first.fields) == (one.intent.type, one.intent.fields):
        return Expected(one, "refused", "duplicate", earlier.event_id)
    return Expected(one, "refused", "invalid")


def _user(intent: Intent) -> str:
    return str((intent.claims or {})["user_id"])


def _gate(one: Logged) -> str:
    """Whether its sender may send it, there."""
    intent, claims = one.intent, one.intent.claims
    if claims is None:
        return "unauthenticated"
    if one.timestamp >= claims["exp"] * 1000:
        return "token_expired"
    if claims["tenant_id"] != intent.fields["tenant_id"]:
        return "wrong_tenant"
    if not intent.home or intent.key != "/".join(intent.learner).encode():
        return "key_mismatch"
    if claims["role"] != "admin" and claims["role"] != "compliance" and not _in_scope(claims, intent):
        return "out_of_scope"
    return "" if _permitted(claims, intent) else "forbidden"


def _in_scope(claims: Mapping[str, Any], intent: Intent) -> bool:
    return not {"*", intent.fields["learner_id"]}.isdisjoint(claims["learner_scope"])


def _permitted(claims: Mapping[str, Any], intent: Intent) -> bool:
    if "permissions" in claims:
        return NEEDED[intent.type] in claims["permissions"]
    if intent.fields.get("message_type") == "system" and claims["role"] != "admin":
        return False
    return claims["role"] in WRITERS[intent.type]


def same_json(one: str, other: str) -> bool:
    """Whether two texts are the same JSON."""
    return bool(json.loads(one) == json.loads(other))
