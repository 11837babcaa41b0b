"""SIGSTOP and SIGCONT of a worker: it wakes before its group gives it up, or long after."""

import signal

from streams.lease import SESSION_SECONDS
from tests.fault.scene import Scene


def sleeping_worker(scene: Scene) -> None:
    worker = scene.some_worker()
    worker.signal(signal.SIGSTOP)
    scene.last(1, 1.4 * SESSION_SECONDS)
    worker.signal(signal.SIGCONT)
