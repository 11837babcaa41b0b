"""Writes that were done and are answered with a time-out: half of Cassandra's, lightweight transactions too."""

from tests.fault.scene import Scene


def doubtful_writes(scene: Scene) -> None:
    with scene.cassandra_link.doubtful(0.5):
        scene.last(2, 8)
