"""All workers leave, an operator sets their group back to the beginning, and they read everything again."""

from tests.fault.scene import Scene


def group_reset(scene: Scene) -> None:
    count = len(scene.workers)
    for worker in list(scene.workers):
        scene.leave(worker.until_ready())
    scene.oracle.group.rewind()
    for _ in range(count):
        scene.join()
