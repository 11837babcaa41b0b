"""Commands and what became of them, as any client of the contract sees it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from tests.e2e.client import ContractClient
from tests.wait import until
from tests.worker import WorkerProcess

APPLIED = "applied"


class Attempt(NamedTuple):
    """A command, complete but for its `command_id`, and the token with which it is tried."""

    command: dict[str, Any]
    token: str


class Outcome(NamedTuple):
    """`code` is `applied` or the refusal's; `detail` is the refusal's, else empty."""

    code: str
    detail: str = ""


@dataclass
class Outcomes:
    """Sends commands to the worker and reads what it says."""

    client: ContractClient
    worker: WorkerProcess

    def of(self, attempts: Sequence[Attempt]) -> list[Outcome]:
        """Each attempt's outcome, in order, when all have one."""
        before = self.worker.metric("chat_outcomes_total")
        sent = [one.command | {"command_id": str(uuid.uuid4())} for one in attempts]
        for command, one in zip(sent, attempts, strict=True):
            self.client.send(command, one.token)
        self.client.flush()
        until(lambda: self.worker.metric("chat_outcomes_total") >= before + len(sent), 60, "the outcomes")
        found = self._applied() | self._refused()
        return [found[command["command_id"]] for command in sent]

    def require_applied(self, attempts: Sequence[Attempt]) -> None:
        """Fails where one of them is refused."""
        assert self.of(attempts) == [Outcome(APPLIED)] * len(attempts)

    def _applied(self) -> dict[str, Outcome]:
        values = (json.loads(one.value()) for one in self.client.records("chat.events") if one.value() is not None)
        return {event["command_id"]: Outcome(APPLIED) for event in values}

    def _refused(self) -> dict[str, Outcome]:
        values = map(json.loads, (one.value() for one in self.client.records("chat.rejections")))
        return {one["command_id"]: Outcome(one["code"], one["detail"]) for one in values}


def get(api: str, path: str, token: str, **params: Any) -> httpx.Response:
    """One request as the bearer of `token`."""
    return httpx.get(f"{api}/api/v1{path}", params=params, headers={"Authorization": f"Bearer {token}"}, timeout=30)
