"""`kill -9`, SIGTERM, and SIGSTOP with SIGCONT of the API. Where one ended, another serves."""

import signal

from tests.fault.scene import Scene


def killed_api(scene: Scene) -> None:
    scene.api.child.kill()
    scene.api.child.wait()
    scene.api = scene.start_api()
    scene.api.address()


def leaving_api(scene: Scene) -> None:
    """It ends in order."""
    scene.api.child.terminate()
    assert scene.api.ended() == 0, f"the API ended with {scene.api.child.returncode}"
    scene.api = scene.start_api()
    scene.api.address()


def sleeping_api(scene: Scene) -> None:
    """It goes on where it was."""
    scene.api.child.send_signal(signal.SIGSTOP)
    scene.last(1, 8)
    scene.api.child.send_signal(signal.SIGCONT)
