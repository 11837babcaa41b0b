"""`kill -9` of a worker; another one comes in its place."""

from tests.fault.scene import Scene


def killed_worker(scene: Scene) -> None:
    worker = scene.some_worker()
    scene.workers.remove(worker)
    worker.kill()
    scene.join()
