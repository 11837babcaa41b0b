"""SIGSTOP and SIGCONT of a server: its connections stay, and nothing answers."""

from chat.servers.server import Server
from tests.fault.scene import Scene


def sleeping_kafka(scene: Scene) -> None:
    assert scene.servers.kafka is not None
    _sleep(scene, scene.servers.kafka)


def sleeping_cassandra(scene: Scene) -> None:
    _sleep(scene, scene.servers.cassandra[0])


def _sleep(scene: Scene, server: Server) -> None:
    server.pause()
    scene.last(1, 8)
    server.resume()
