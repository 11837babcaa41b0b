"""The service with its program and its API, for tests of privacy requests."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chat.cli.http import get
from chat.sdk import Producer
from chat.settings import Settings
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.privacy_store import SHARDS
from chat.storage.session import Connection
from tests.chat_program import ChatProgram
from tests.records import token
from tests.wait import until
from tests.worker import environment

OFFICER = token(user="officer-1", role="compliance")
FINAL = {"completed", "failed", "held"}


class House:
    """The service as a compliance officer sees it."""

    def __init__(self, settings: Settings, folder: Path, address: str) -> None:
        self.chat = ChatProgram(folder, environment(settings) | {"CHAT_TOKEN": OFFICER})
        self.settings = settings
        self.address = address

    def send(self, *commands: dict[str, Any], bearer: str = OFFICER, wait: bool = True) -> list[dict[str, Any]]:
        """Sends commands of the tenant; each with its ids, and with `wait` its outcome."""
        with Producer(self.settings, token=bearer, outcomes=wait) as producer:
            sent = [producer.send({"tenant_id": "tenant-1", **one}) for one in commands]
            ends = [asdict(one.outcome(120)) if wait else one.position(120)._asdict() for one in sent]
        return [{**one.command, **end} for one, end in zip(sent, ends, strict=True)]

    def request(self, record_type: str, learner: str, *, wait: bool = True, **fields: str) -> dict[str, Any]:
        """Sends a privacy command; its ids, and with `wait` its outcome."""
        return self.send({"type": record_type, "learner_id": learner, **fields}, wait=wait)[0]

    def erase(self, learner: str) -> dict[str, object]:
        """A whole erasure; its request once it has ended."""
        return self.until_final(self.request("DeleteLearnerData", learner, reason="erasure")["request_id"])

    def ask(self, command: str, learner: str, *more: str, wait: bool = True) -> dict[str, object]:
        """Sends a privacy command by the program; the line that it prints."""
        given = ["privacy", command, "--tenant", "tenant-1", "--learner", learner, *more]
        ended = self.chat.run(*given, *(["--wait"] if wait else []))
        assert ended.lines, ended.err
        return ended.lines[0]

    def shown(self, request_id: object) -> dict[str, object]:
        """The request over HTTP."""
        status, body = get(self.address, f"/api/v1/privacy/requests/{request_id}", OFFICER)
        return dict(body) if status == 200 else {}

    def until_final(self, request_id: object, timeout: float = 480) -> dict[str, object]:
        """The request once it has ended, and the audit says so, which is noted behind it."""
        until(lambda: _has_ended(self.shown(request_id)), timeout, "the request's end")
        return self.shown(request_id)

    def unfinished(self) -> int:
        """How many requests have no end."""
        return asyncio.run(self._unfinished())

    async def _unfinished(self) -> int:
        connection = await Connection.open(self.settings)
        try:
            requests = await CassandraRequests.open(connection)
            return sum([len(await requests.unfinished(shard)) for shard in range(SHARDS)])
        finally:
            await connection.close()


def _has_ended(shown: dict[str, Any]) -> bool:
    return shown.get("state") in FINAL and shown["state"] in {line["action"] for line in shown["audit"]}
