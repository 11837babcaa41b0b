"""`kill -9` of a server, which is started again."""

from chat.servers.server import Server
from tests.fault.scene import Scene


def killed_kafka(scene: Scene) -> None:
    assert scene.servers.kafka is not None
    _kill(scene, scene.servers.kafka)


def killed_cassandra(scene: Scene) -> None:
    _kill(scene, scene.servers.cassandra[0])


def _kill(scene: Scene, server: Server) -> None:
    server.kill()
    scene.last(0, 3)
    server.start()
