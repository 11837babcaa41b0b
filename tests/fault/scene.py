"""Where faults happen: servers, the ways to them, workers that come and go, and an API."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.api_process import ApiProcess, serves
from tests.fault import waits
from tests.fault.link import Link
from tests.fault.linked_servers import LinkedServers
from tests.oracle.run import OracleRun
from tests.wait import until
from tests.worker import WorkerProcess

MOST_WORKERS = 4
JOINING_SECONDS = 60.0


@dataclass
class Scene:
    """`start` starts a worker and does not wait; `start_api` an API process."""

    oracle: OracleRun
    servers: LinkedServers
    kafka_link: Link
    cassandra_link: Link
    random: random.Random
    start: Callable[[], WorkerProcess]
    start_api: Callable[[], ApiProcess]
    workers: list[WorkerProcess] = field(default_factory=list)
    api: ApiProcess = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.start_api()

    def join(self) -> WorkerProcess:
        """One worker more, which is at work when this returns."""
        worker = self.start()
        self.workers.append(worker)
        return worker.until_ready(JOINING_SECONDS)

    def leave(self, worker: WorkerProcess) -> None:
        """A worker is told to end, and does so in order."""
        self.workers.remove(worker)
        assert worker.stop() == 0, f"{worker.name} ended with {worker.process.returncode}"

    def some_worker(self) -> WorkerProcess:
        """Any of them, at work."""
        return self.random.choice(self.workers).until_ready(JOINING_SECONDS)

    def last(self, shortest: float, longest: float) -> None:
        """Returns after some seconds, in which all workers live on."""
        end = time.monotonic() + self.random.uniform(shortest, longest)
        until(lambda: time.monotonic() >= end, longest + 5)
        self.require_alive()

    def until_ready(self) -> None:
        """Returns when every worker and the API say that they can do their work."""
        for worker in self.workers:
            worker.until_ready(JOINING_SECONDS)
        address = self.api.address()
        until(lambda: serves(address), what="the API being ready")

    def tell_waits(self) -> None:
        """Every worker's log says what its tasks wait for."""
        for worker in filter(lambda one: one.alive, self.workers):
            worker.signal(waits.ASK)
            until(lambda: waits.SAID in worker.log.read_text(errors="replace"), what=f"what {worker.name} waits for")  # noqa: B023 - asked at once

    def require_alive(self) -> None:
        """No worker ended by itself."""
        ended = [one.name for one in list(self.workers) if not one.alive]
        assert not ended, f"{ended} ended by themselves"
