"""A worker's clock jumps by an hour, ahead or back, and later to where it was."""

from tests.fault.scene import Scene
from tests.fault.worker import AHEAD, BACK


def clock_jump(scene: Scene) -> None:
    worker = scene.some_worker()
    there, again = scene.random.choice(((AHEAD, BACK), (BACK, AHEAD)))
    worker.signal(there)
    scene.last(2, 6)
    worker.signal(again)
