"""What live streams cost: `python -m bench.listeners` beside a running API and worker without a limit of requests.

Listeners connect to threads of their own making; then nothing happens, and then every thread gets messages. Printed are
the API's memory and CPU, and the time from a command's being sent to its message's reaching the listener.
"""

import argparse
import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Callable, Sequence

import httpx
import psutil

from chat.sdk import Producer
from chat.settings import load
from chat.tokens import make_token

TENANT = "bench-listeners"


class Listeners:
    """Connections to one API process; `delays` in milliseconds, of every message that was seen."""

    def __init__(self, address: str, token: str, threads: Sequence[str]) -> None:
        self._threads = threads
        self._http = httpx.AsyncClient(
            base_url=address,
            headers={"authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_connections=None),
            timeout=httpx.Timeout(60),
        )
        self.sent: dict[str, float] = {}
        self.delays: list[float] = []
        self.connected = 0

    async def listen(self, number: int) -> None:
        """One listener, for ever."""
        path = f"/api/v1/threads/{self._threads[number % len(self._threads)]}/stream"
        async with self._http.stream("GET", path) as answer:
            async for line in answer.aiter_lines():
                self._take(line)

    def _take(self, line: str) -> None:
        if line == "event: resync":
            self.connected += 1
        if line.startswith("data: {") and '"message_id"' in line:
            sent = self.sent[json.loads(line.removeprefix("data: "))["message_id"]]
            self.delays.append((time.perf_counter() - sent) * 1000)


def cpu_share(process: psutil.Process, seconds: float) -> float:
    """The share of one core that a process takes."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


async def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Waits until `condition()` is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it looks at counts
            await asyncio.sleep(0.05)


async def report(what: str, api: psutil.Process, seconds: float) -> None:
    """Prints what the API takes."""
    share = await asyncio.to_thread(cpu_share, api, seconds)
    print(f"{what}: {api.memory_info().rss / 2**20:.0f} MiB, {share:.3f} cores", flush=True)


async def measure(address: str, pid: int, listeners: int, threads: int, messages: int) -> None:
    """One run; prints a line for each figure."""
    api, settings = psutil.Process(pid), load()
    token = make_token(settings, TENANT, "teacher-1", "teacher", ["*"])
    ids = [str(uuid.uuid4()) for _ in range(threads)]
    with Producer(settings, token=token) as chat:
        made = [chat.send(_command("CreateThread", number, one, title="t")) for number, one in enumerate(ids)]
        for one in made:
            one.outcome(timeout=60)
        await report("no listener", api, 10)
        ears = Listeners(address, token, ids)
        tasks = [asyncio.create_task(ears.listen(number)) for number in range(listeners)]
        began = time.perf_counter()
        await until(lambda: ears.connected >= listeners)
        print(f"{listeners} connected in {time.perf_counter() - began:.1f} s")
        await report("idle", api, 35)
        for _ in range(messages):
            for number, thread in enumerate(ids):
                message = str(uuid.uuid4())
                ears.sent[message] = time.perf_counter()
                chat.send(_command("PostMessage", number, thread, message_id=message, content="Hello"))
                await asyncio.sleep(0.02)
        await until(lambda: len(ears.delays) >= messages * listeners)
        delays = statistics.quantiles(ears.delays, n=100)
        print(
            f"{len(ears.delays)} deliveries: p50 {delays[49]:.0f} ms, p99 {delays[98]:.0f} ms from command to listener"
        )
        print(f"busy: {api.memory_info().rss / 2**20:.0f} MiB")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _command(kind: str, number: int, thread_id: str, **fields: str) -> dict[str, str]:
    return {"type": kind, "tenant_id": TENANT, "learner_id": f"l-{number}", "thread_id": thread_id, **fields}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("pid", type=int, help="of the API process")
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=2)
    asked = parser.parse_args()
    asyncio.run(measure(asked.address, asked.pid, asked.listeners, asked.threads, asked.messages))
