"""`kill -9` of the API; another one serves."""

import httpx

from tests.fault.scene import Scene
from tests.wait import until


def killed_api(scene: Scene) -> None:
    scene.api.child.kill()
    scene.api.child.wait()
    scene.api = scene.start_api()
    address = scene.api.address()
    until(lambda: httpx.get(f"{address}/health/ready").status_code == httpx.codes.OK, what="the API being ready")
