"""The service alone on servers of its own: for what is not a comparison."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contenders import SERVICE
from bench.house import House
from bench.load import Burst
from bench.measure import Seen
from bench.rounds import QUICK, Bench
from bench.servers import servers
from bench.workload import Workload
from chat.servers.process import ServerProcess
from chat.settings import Settings


class Stage(NamedTuple):
    """A worker that takes commands; `send` sends a burst and returns when its events are there."""

    settings: Settings
    worker: ServerProcess
    send: Callable[[Burst], Seen]
    logs: Path


@contextmanager
def stage(workloads: Sequence[Workload]) -> Iterator[Stage]:
    """With every thread of the workloads in place."""
    places = [place for workload in workloads for place in workload.places()]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-bench-")))
        house = stack.enter_context(House(stack.enter_context(servers(folder / "servers")), places))
        bench = stack.enter_context(Bench(house, QUICK, folder / "logs"))
        settings = house.enter(SERVICE.furnish)
        worker = stack.enter_context(bench.watched(SERVICE, settings))
        yield Stage(settings, worker, lambda burst: bench.measure(settings, SERVICE, worker, burst), folder / "logs")
