"""An erasure of a learner with very many messages, while fifty others are written about: they do not wait for it."""

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from chat.domain.model import LearnerId, ThreadKey
from chat.ids import new_id
from chat.sdk import Producer
from chat.settings import Settings
from chat.storage.session import Connection
from tests.api_process import api_processes
from tests.bulk import Load, write
from tests.conftest import StartWorker
from tests.erasure_worker import PROGRAM
from tests.privacy_house import House
from tests.records import token, uid
from tests.stores import store_of
from tests.wait import until

OTHERS = 50
RATE = 100
"""Commands a second."""

CALM_SECONDS = 30.0
ERASED = LearnerId("tenant-1", "learner-erased", 1)


class Writers:
    """Posts about the others at a steady rate, in a thread of its own; `seconds` from each command to its event."""

    def __init__(self, settings: Settings) -> None:
        self.seconds: list[float] = []
        self._producer = Producer(settings, token=token())
        self._stopping = threading.Event()
        self._threads = [
            {"tenant_id": "tenant-1", "learner_id": f"l-{n}", "thread_id": new_id()} for n in range(OTHERS)
        ]
        made = [self._producer.send({"type": "CreateThread", "title": "t", **one}) for one in self._threads]
        assert {one.outcome(120).outcome for one in made} == {"applied"}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, they post."""
        posting = threading.Thread(target=self._post)
        posting.start()
        try:
            yield
        finally:
            self._stopping.set()
            posting.join()
            self._producer.close()

    def _post(self) -> None:
        for thread in cycle(self._threads):
            if self._stopping.wait(1 / RATE):
                return
            note = partial(self._note, time.perf_counter())
            sent = self._producer.send({"type": "PostMessage", "message_id": new_id(), "content": "hello", **thread})
            sent._pending.outcome.add_done_callback(note)

    def _note(self, began: float, _outcome: object) -> None:
        self.seconds.append(time.perf_counter() - began)


async def _load(settings: Settings, load: Load) -> None:
    await write(settings, load, ERASED)
    connection = await Connection.open(settings)
    store = await store_of(connection, settings, 10 * 365 * 86_400)
    for number in range(1, load.threads + 1):
        assert await store.claim(ThreadKey(ERASED, uid(1, number)))
    await connection.close()


def p99(seconds: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=100)[98]


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("load", [Load(10, 1_000), Load(1_000, 1_000)], ids=["small", "large"])
def test_the_others_do_not_wait(load: Load, fresh: Settings, tmp_path: Path, start_worker: StartWorker) -> None:
    """The slowest hundredth of their commands takes at most twice as long as without the erasure."""
    asyncio.run(_load(fresh, load))
    start_worker(fresh, program=(PROGRAM,)).until_ready()
    settings = fresh.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    with api_processes(tmp_path) as start:
        house = House(fresh, tmp_path, start(settings).address())
        writers = Writers(fresh)
        with writers.at_work():
            until(lambda: len(writers.seconds) > CALM_SECONDS * RATE * 0.8, 4 * CALM_SECONDS, "a calm beginning")
            calm = len(writers.seconds)
            began = time.monotonic()
            asked = house.request("DeleteLearnerData", ERASED.learner_id, reason="erasure")
            ended = house.until_final(asked["request_id"], 3_600)
            took = time.monotonic() - began
        before, during = p99(writers.seconds[calm // 4 : calm]), p99(writers.seconds[calm:])
    sys.stdout.write(
        f"erasure of {load.threads * load.messages} messages: {took:.0f} s;"
        f" p99 of the others {before:.0f} ms before, {during:.0f} ms meanwhile\n"
    )
    assert ended["state"] == "completed"
    assert ended["receipt"]["body"]["counts"]["messages"] == load.threads * load.messages  # type: ignore[index]
    assert during <= 2 * before
