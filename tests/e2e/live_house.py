"""A worker and an API for live streams, which a test may end, and somebody who writes to a thread."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from chat.servers.free_port import free_port
from chat.settings import Settings
from tests.api_process import serves
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.sse import Watcher
from tests.wait import until, until_async
from tests.worker import WorkerProcess

TENANT = "tenant-s"
SECONDS = 60.0


class House:
    """A worker and an API, which may be killed and started again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        served = settings.model_copy(update={"api_port": port, "enable_rate_limiting": False})
        self.worker = WorkerProcess(settings, folder, "worker", program=("chat.cli.main", "worker"))
        self.api = WorkerProcess(served, folder, "api", program=("chat.cli.main", "api"))

    def stand(self) -> "House":
        """Starts again whatever an earlier test has left ended, and waits until both are ready."""
        for process in (self.worker, self.api):
            if not process.alive:
                process.start()
        self.worker.until_ready()
        until(lambda: serves(self.address), what="the API being ready")
        return self

    @asynccontextmanager
    async def listening(self, token: str, watchers: Sequence[tuple[str, str | None]]) -> AsyncIterator[list[Watcher]]:
        """Watchers of threads, each with what it has already, all of them connected."""
        headers = {"authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self.address, headers=headers, limits=limits, timeout=SECONDS) as http:
            made = [Watcher(http, thread, last) for thread, last in watchers]
            running = [asyncio.create_task(one.run()) for one in made]
            await until_async(lambda: all(one.seen for one in made), SECONDS, "every listener's resync")
            yield made
            for task in running:
                task.cancel()
            await asyncio.wait(running)


class Author:
    """Writes to one thread of a learner of its own."""

    def __init__(self, client: ContractClient) -> None:
        self.client = client
        self.learner = f"learner-{uuid.uuid4().hex[:8]}"
        self.thread = str(uuid.uuid4())
        self.ids: list[str] = []
        self._send(create_thread(TENANT, self.learner, self.thread))

    def post(self, messages: int = 1) -> None:
        for _ in range(messages):
            command = post_message(TENANT, self.learner, self.thread, f"message {len(self.ids) + 1}")
            self.ids.append(command["message_id"])
            self._send(command)

    def change(self, record_type: str, number: int, **fields: Any) -> None:
        self.command(record_type, message_id=self.ids[number - 1], **fields)

    def command(self, record_type: str, topic: str = "chat.commands", **fields: Any) -> None:
        ids = {"command_id": str(uuid.uuid4()), "tenant_id": TENANT, "learner_id": self.learner}
        thread = {} if topic != "chat.commands" else {"thread_id": self.thread}
        self._send({"type": record_type, **ids, **thread, **fields}, topic)

    def _send(self, command: dict[str, Any], topic: str = "chat.commands") -> None:
        role = "compliance" if topic != "chat.commands" else "admin"
        self.client.send(command, self.client.token(TENANT, role=role), topic)
        self.client.flush()

    async def until_there(self, house: House) -> None:
        """Returns when its thread has all of its messages."""
        async with httpx.AsyncClient(
            base_url=house.address, headers={"authorization": f"Bearer {self.client.token(TENANT)}"}, timeout=SECONDS
        ) as http:

            async def there() -> bool:
                answer = await http.get(f"/api/v1/threads/{self.thread}")
                return answer.status_code == httpx.codes.OK and answer.json()["last_seq"] == len(self.ids)

            await until_async(there, SECONDS, "the thread")
