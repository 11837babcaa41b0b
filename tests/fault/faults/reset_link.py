"""Every connection of a way is reset, a few times."""

from tests.fault.link import Link
from tests.fault.scene import Scene


def reset_kafka(scene: Scene) -> None:
    _reset(scene, scene.kafka_link)


def reset_cassandra(scene: Scene) -> None:
    _reset(scene, scene.cassandra_link)


def _reset(scene: Scene, link: Link) -> None:
    for _ in range(scene.random.randint(1, 3)):
        link.cut()
        scene.last(0.3, 1)
