"""A way on which nothing comes through, or only what is asked: a write whose answer is lost was written."""

from tests.fault.scene import Scene


def silent_kafka(scene: Scene) -> None:
    with scene.kafka_link.silent():
        scene.last(2, 12)


def silent_cassandra(scene: Scene) -> None:
    with scene.cassandra_link.silent():
        scene.last(2, 12)


def unanswered_kafka(scene: Scene) -> None:
    with scene.kafka_link.silent(answers_only=True):
        scene.last(2, 12)


def unanswered_cassandra(scene: Scene) -> None:
    with scene.cassandra_link.silent(answers_only=True):
        scene.last(2, 12)
