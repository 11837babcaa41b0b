"""All workers leave, an operator sets their group back to the beginning, and they read everything again."""

from tests.fault.scene import JOINING_SECONDS, Scene
from tests.wait import until


def group_reset(scene: Scene) -> None:
    count = len(scene.workers)
    for worker in list(scene.workers):
        scene.leave(worker.until_ready())
    # A request to join whose answer was lost left a member behind that nobody is: it goes with its session.
    until(lambda: scene.oracle.group.members() == 0, JOINING_SECONDS, "the group having no member")
    scene.oracle.group.rewind()
    for _ in range(count):
        scene.join()
