"""SIGTERM of a worker; another one joins afterwards."""

from tests.fault.scene import Scene


def leaving_worker(scene: Scene) -> None:
    scene.leave(scene.some_worker())
    scene.join()
