"""One run with faults: a stream of commands, workers that come and go, and the oracle's verdict at the end."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.api_process import api_processes
from tests.conftest import StartWorker
from tests.fault.linked_servers import LinkedServers, links
from tests.fault.overlap import Fault
from tests.fault.pulse import Pulse
from tests.fault.scene import Scene
from tests.fault.schedule import Figures
from tests.fault.worker import PROGRAM
from tests.oracle.run import OracleRun
from tests.oracle.source import Stream

WORKERS = 2
BETWEEN_REQUESTS = 5
"""Faults from one round of privacy requests to the next."""

SETTLING_SECONDS = 300.0


@dataclass(frozen=True)
class FaultRun:
    """Logs are in `folder`."""

    servers: LinkedServers
    start_worker: StartWorker
    folder: Path

    def run(self, oracle: OracleRun, rate: int, faults: Iterable[Fault], figures: Figures, commands: int = 0) -> None:
        """Lets the faults happen one after the other while `rate` commands a second come, at least so many in all.

        Raises `OracleError`.
        """
        with (
            links(self.servers, oracle.settings) as (settings, kafka_link, cassandra_link),
            api_processes(self.folder) as start_api,
        ):
            api_settings = settings.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
            with Pulse(oracle.settings) as pulse, oracle.stream(rate) as stream:
                scene = Scene(
                    oracle,
                    self.servers,
                    kafka_link,
                    cassandra_link,
                    random.Random(oracle.seed),
                    lambda: self.start_worker(settings, program=PROGRAM),
                    lambda: start_api(api_settings),
                )
                for _ in range(WORKERS):
                    scene.join()
                stream.until(rate * WORKERS)
                suffer(faults, scene, pulse, figures)
                await_commands(stream, commands)
            oracle.settle(SETTLING_SECONDS)
            oracle.verify(overlapping=True, read_again=True)
            for worker in list(scene.workers):
                scene.leave(worker)


def suffer(faults: Iterable[Fault], scene: Scene, pulse: Pulse, figures: Figures) -> None:
    """One fault after the other, with privacy requests between some of them."""
    for number, fault in enumerate(faults):
        if number % BETWEEN_REQUESTS == 0:
            scene.oracle.ask()
        figures.suffer(fault, scene, pulse)


def await_commands(stream: Stream, commands: int) -> None:
    """Returns when so many have come."""
    stream.until(commands, timeout=3_600)
