"""The service alone on servers of its own: for what is not a comparison."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contenders import SERVICE
from bench.house import PARTITIONS, House
from bench.load import Burst
from bench.measure import Seen
from bench.rounds import QUICK, Bench
from bench.servers import servers
from bench.workload import Workload
from chat.servers.process import ServerProcess
from chat.settings import Settings


class Hall(NamedTuple):
    """Where workers may be started."""

    house: House
    bench: Bench
    logs: Path


class Stage(NamedTuple):
    """A worker that takes commands; `send` sends a burst and returns when its events are there."""

    settings: Settings
    worker: ServerProcess
    send: Callable[[Burst], Seen]
    logs: Path

    def furnish(self, workload: Workload) -> None:
        """Makes the threads of a workload."""
        SERVICE.furnish(self.settings, workload.places())


@contextmanager
def hall(workloads: Sequence[Workload] = (), partitions: int = PARTITIONS) -> Iterator[Hall]:
    """Servers of its own, on which every thread of the workloads is in place when somebody enters the house."""
    places = [place for workload in workloads for place in workload.places()]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-bench-")))
        house = stack.enter_context(House(stack.enter_context(servers(folder / "servers")), places, partitions))
        yield Hall(house, stack.enter_context(Bench(house, QUICK, folder / "logs")), folder / "logs")


@contextmanager
def stage(workloads: Sequence[Workload] = ()) -> Iterator[Stage]:
    """With every thread of the workloads in place."""
    with hall(workloads) as where:
        settings = where.house.enter(SERVICE.furnish)
        with where.bench.watched(SERVICE, settings) as worker:
            yield Stage(
                settings, worker, lambda burst: where.bench.measure(settings, SERVICE, worker, burst), where.logs
            )
