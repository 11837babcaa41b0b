"""Commands of few people about few things, drawn by Hypothesis, so that many of them meet."""

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from schemas.timestamps import to_text
from tests.records import NOW, Log, token, uid

KINDS = ["PostMessage"] * 4 + ["EditMessage", "DeleteMessage"] * 3 + ["MarkRead", "UpdateThread", "CreateThread"]
# Two tenants of two learners, each with one thread of its own; now and then somebody names another's.
PEOPLE = [(f"tenant-{tenant}", f"learner-{learner}") for tenant in (1, 2) for learner in (1, 2)]
COMMANDS = st.tuples(
    st.sampled_from([*KINDS, *KINDS, "DeleteThread", "ExpireThread"]),
    st.sampled_from(PEOPLE[:1] * 8 + PEOPLE),
    st.one_of(st.none(), st.none(), st.none(), st.integers(1, 6)),  # an earlier command's id, or a new one
    st.one_of(st.none(), st.none(), st.none(), st.integers(1, 3)),  # a thread, or the learner's own
    st.integers(1, 3),  # message
    st.sampled_from(["a", "b"]),  # body
    st.sampled_from(["admin"] * 4 + ["teacher"]),  # sender
)
One = tuple[str, tuple[str, str], int | None, int | None, int, str, str]
Drawn = list[One]


def begun() -> Log:
    """A log in which each of PEOPLE has a thread."""
    log = Log()
    for number, (tenant, learner) in enumerate(PEOPLE, start=100):
        ids = {"tenant_id": tenant, "learner_id": learner, "command_id": uid(3, number)}
        log.send("CreateThread", bearer=_sender(tenant, "teacher"), **ids, thread_id=_own(learner), title="a")
    return log


def send(log: Log, number: int, drawn: One) -> None:
    """Appends a command; `number` is its own, above any that another one's id may be taken from."""
    record_type, (tenant, learner), again, thread, message, body, role = drawn
    ids = {"tenant_id": tenant, "learner_id": learner, "command_id": uid(3, again or number)}
    ids["thread_id"] = uid(1, thread) if thread else _own(learner)
    if record_type == "ExpireThread":
        log.send(record_type, **ids, active_at=to_text(_last_active(log, ids["thread_id"]) - (message == 1)))
    else:
        log.send(record_type, bearer=_sender(tenant, role), **ids, **_body(record_type, message, body))


@cache
def _sender(tenant: str, role: str) -> str:
    return token(tenant, user=f"{role}-1", role=role)


def _last_active(log: Log, thread_id: str) -> int:
    """When somebody was active in a thread, if all went well."""
    active = ("PostMessage", "CreateThread", "UpdateThread")
    ours = [one for one in log.records if (one.value or b"").startswith(b"{")]  # a fence is Avro
    said = [(one.timestamp, json.loads(one.value or b"{}")) for one in ours]
    mine = [at for at, fields in said if fields["thread_id"] == thread_id and fields["type"] in active]
    return max(mine, default=NOW)


def _own(learner: str) -> str:
    return uid(1, int(learner[-1]))


def _body(record_type: str, message: int, body: str) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {
        "CreateThread": {"title": body},
        "UpdateThread": {"title": body} if message % 2 else {"metadata": {"a": body}},
        "PostMessage": {"message_id": uid(2, message), "content": body},
        "EditMessage": {"message_id": uid(2, message), "content": body},
        "DeleteMessage": {"message_id": uid(2, message)},
        "MarkRead": {"seq": message - 1},
    }
    return bodies.get(record_type, {})
