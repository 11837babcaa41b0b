"""Faults at the same time: what one of them breaks, the other finds broken."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.fault.scene import Scene

Fault = Callable[[Scene], None]


def together(*faults: Fault) -> Fault:
    """They begin at once, each in a thread of its own; it is over when each of them is."""

    def overlap(scene: Scene) -> None:
        with ThreadPoolExecutor(len(faults)) as threads:
            for under_way in [threads.submit(one, scene) for one in faults]:
                under_way.result()

    overlap.__name__ = "+".join(one.__name__ for one in faults)
    return overlap
