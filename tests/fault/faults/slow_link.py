"""A way that is slow: every piece of bytes is late, or they come one by one."""

from tests.fault.scene import Scene


def late_kafka(scene: Scene) -> None:
    with scene.kafka_link.late(scene.random.uniform(0.05, 0.3)):
        scene.last(2, 6)


def late_cassandra(scene: Scene) -> None:
    with scene.cassandra_link.late(scene.random.uniform(0.05, 0.3)):
        scene.last(2, 6)


def crumbled_kafka(scene: Scene) -> None:
    with scene.kafka_link.crumbled():
        scene.last(2, 6)


def crumbled_cassandra(scene: Scene) -> None:
    with scene.cassandra_link.crumbled():
        scene.last(2, 6)
