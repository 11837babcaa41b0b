"""A worker that joins and leaves again: a rebalance every five seconds."""

from tests.fault.scene import MOST_WORKERS, Scene

SECONDS = 5.0


def rebalance(scene: Scene) -> None:
    if len(scene.workers) == MOST_WORKERS:
        scene.leave(scene.some_worker())
        scene.last(SECONDS, SECONDS)
    worker = scene.join()
    scene.last(SECONDS, SECONDS)
    if scene.random.random() < 0.7:
        scene.leave(worker)
