"""How far a consumer group has come, as its coordinator knows it."""

from collections.abc import Collection

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chat.broker import SECONDS, Place, typed
from chat.kafka import librdkafka
from chat.settings import Settings


def committed(settings: Settings, places: Collection[Place]) -> dict[Place, int]:
    """The committed offsets of the service's group; without the partitions where it never committed.

    Blocks; raises `BrokerUnavailable` or `BrokerRefused`. A consumer asks that is no member, and not the administration
    client: librdkafka 2.16 ends the process where that meets a broker which is not the coordinator yet.
    """
    if not places:
        return {}
    consumer = Consumer(librdkafka(settings) | {"group.id": settings.consumer_group, "enable.auto.commit": False})
    try:
        asked = [TopicPartition(str(place.topic), place.partition) for place in places]
        answers = consumer.committed(asked, timeout=SECONDS)
    except KafkaException as error:
        raise typed(error.args[0]) from error
    finally:
        consumer.close()
    for one in answers:
        if one.error is not None:
            raise typed(one.error)
    return {Place(one.topic, one.partition): one.offset for one in answers if one.offset >= 0}
