"""The contract's table of permissions, cell by cell: every command through Kafka, every read through HTTP."""

import uuid
from typing import Any

import httpx
import pytest

from tests.e2e.attempts import APPLIED, Attempt, Outcomes, get
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.worker import WorkerProcess

TENANT, LEARNER, STRANGER = "tenant-1", "learner-1", "learner-2"
PLACE = {"tenant_id": TENANT, "learner_id": LEARNER}

# As the contract's page has it; written down again so that the code's own table is not its own judge.
TABLE = {
    "learner": {"threads:read", "messages:read", "messages:write"},
    "guardian": {"threads:read", "threads:write", "messages:read", "messages:write"},
    "teacher": {"threads:read", "threads:write", "messages:read", "messages:write"},
    "admin": {
        "threads:read",
        "threads:write",
        "threads:delete",
        "messages:read",
        "messages:write",
        "messages:moderate",
    },
    "compliance": {"threads:read", "messages:read", "privacy:export", "privacy:delete"},
    "service": set(),
}
PERMISSIONS = sorted(set().union(*TABLE.values()))
WHOLE_TENANT = {"admin", "compliance"}
LETS_ONE = {
    "create": {"threads:write"},
    "update": {"threads:write"},
    "delete thread": {"threads:delete"},
    "post": {"messages:write"},
    "edit own": {"messages:write"},
    "delete own": {"messages:write", "messages:moderate"},
    "delete other's": {"messages:moderate"},
    "mark": {"messages:read"},
    "system": {"messages:moderate"},
}
"""Each of the permissions lets one do it. An edit of another's message is for nobody."""

CALLERS: dict[str, dict[str, Any]] = {
    **{f"role {role}": {"role": role} for role in TABLE},
    **{f"service with {one}": {"role": "service", "permissions": [one]} for one in PERMISSIONS},
    **{f"{role} with nothing": {"role": role, "permissions": []} for role in TABLE},
}


def _granted(claims: dict[str, Any]) -> set[str]:
    return set(claims["permissions"]) if "permissions" in claims else TABLE[claims["role"]]


def _expected(granted: set[str]) -> dict[str, str]:
    codes = {name: APPLIED if granted & needed else "forbidden" for name, needed in LETS_ONE.items()}
    codes["edit other's"] = "forbidden"
    return codes


class Stage:
    """One caller's threads and messages, and what it tries with them."""

    def __init__(self, client: ContractClient, claims: dict[str, Any]) -> None:
        self.thread, self.doomed = (str(uuid.uuid4()) for _ in range(2))
        self._client = client
        self._claims = {"user_id": f"user-{uuid.uuid4().hex[:8]}", "learner_scope": [LEARNER], **claims}
        self._own, self._own_too, self._others = (self._post(f"words {number}") for number in range(3))

    def token(self, **claims: Any) -> str:
        return self._client.token(TENANT, **{**self._claims, **claims})

    def scene(self) -> list[Attempt]:
        """What must be there before: two threads, two messages of the caller's and one of somebody else's."""
        admin = self._client.token(TENANT, role="admin")
        writer = self.token(role="service", permissions=["messages:write"])
        threads = [Attempt(create_thread(TENANT, LEARNER, one), admin) for one in (self.thread, self.doomed)]
        return [*threads, Attempt(self._own, writer), Attempt(self._own_too, writer), Attempt(self._others, admin)]

    def tries(self, token: str) -> dict[str, Attempt]:
        """One command for each cell."""
        commands = {
            "create": create_thread(TENANT, LEARNER, str(uuid.uuid4())),
            "update": {"type": "UpdateThread", "thread_id": self.thread, "title": "Another title"},
            "delete thread": {"type": "DeleteThread", "thread_id": self.doomed},
            "post": self._post("more words"),
            "system": self._post("a notice") | {"message_type": "system"},
            "edit own": self._message("EditMessage", self._own) | {"content": "better words"},
            "edit other's": self._message("EditMessage", self._others) | {"content": "not mine"},
            "delete own": self._message("DeleteMessage", self._own_too),
            "delete other's": self._message("DeleteMessage", self._others),
            "mark": {"type": "MarkRead", "thread_id": self.thread, "seq": 1},
        }
        return {name: Attempt(PLACE | command, token) for name, command in commands.items()}

    def _post(self, content: str) -> dict[str, Any]:
        return post_message(TENANT, LEARNER, self.thread, content)

    def _message(self, kind: str, post: dict[str, Any]) -> dict[str, Any]:
        return {"type": kind, "thread_id": self.thread, "message_id": post["message_id"]}


@pytest.fixture(scope="module")
def outcomes(client: ContractClient, worker: WorkerProcess) -> Outcomes:
    return Outcomes(client, worker)


@pytest.fixture(scope="module")
def stages(client: ContractClient, outcomes: Outcomes) -> dict[str, Stage]:
    """A stage for each caller, all in place."""
    made = {name: Stage(client, claims) for name, claims in CALLERS.items()}
    outcomes.require_applied([one for stage in made.values() for one in stage.scene()])
    return made


def _codes(outcomes: Outcomes, tries: dict[tuple[str, str], Attempt]) -> dict[tuple[str, str], str]:
    return {cell: outcome.code for cell, outcome in zip(tries, outcomes.of(list(tries.values())), strict=True)}


def test_a_learner_out_of_scope_is_out_of_reach(stages: dict[str, Stage], outcomes: Outcomes) -> None:
    """A token of another learner is refused every command, whatever its role; admin and compliance have no scope."""
    claims = {name: one for name, one in CALLERS.items() if one["role"] not in WHOLE_TENANT}
    tries = {
        (name, what): attempt
        for name in claims
        for what, attempt in stages[name].tries(stages[name].token(learner_scope=[STRANGER])).items()
    }
    assert set(_codes(outcomes, tries).values()) == {"out_of_scope"}


def test_every_cell_through_kafka(stages: dict[str, Stage], outcomes: Outcomes) -> None:
    """Each caller's commands are applied where the table says so, and refused `forbidden` everywhere else."""
    tries = {(name, what): one for name, stage in stages.items() for what, one in stage.tries(stage.token()).items()}
    expected = {
        (name, what): code for name, claims in CALLERS.items() for what, code in _expected(_granted(claims)).items()
    }
    assert set(expected.values()) == {APPLIED, "forbidden"}
    assert _codes(outcomes, tries) == expected


@pytest.mark.parametrize("name", CALLERS)
def test_every_cell_through_http(stages: dict[str, Stage], api: str, name: str) -> None:
    """A read is 200 with its permission and 403 without; out of scope it is 404 with it and 403 without."""
    stage, granted = stages[name], _granted(CALLERS[name])
    everywhere = CALLERS[name]["role"] in WHOLE_TENANT
    inside, outside = stage.token(), stage.token(learner_scope=[STRANGER])
    reads = [("/threads", "threads:read", {"learner_id": LEARNER}), (f"/threads/{stage.thread}", "threads:read", {})]
    for path, needed, params in [*reads, (f"/threads/{stage.thread}/messages", "messages:read", {})]:
        may = needed in granted
        beyond = httpx.codes.OK if everywhere else httpx.codes.NOT_FOUND
        assert get(api, path, inside, **params).status_code == (httpx.codes.OK if may else httpx.codes.FORBIDDEN)
        assert get(api, path, outside, **params).status_code == (beyond if may else httpx.codes.FORBIDDEN)
