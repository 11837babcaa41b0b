"""How far a consumer group has come, as its coordinator knows it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chat.broker import SECONDS, Place, typed
from chat.errors import BrokerRefused
from chat.kafka import librdkafka
from chat.settings import Settings


def committed(settings: Settings, places: Collection[Place]) -> dict[Place, int]:
    """The committed offsets of the service's group; without the partitions where it never committed.

    Blocks; raises `BrokerUnavailable` or `BrokerRefused`.
    """
    if not places:
        return {}
    asked = [TopicPartition(str(place.topic), place.partition) for place in places]
    with _consumer(settings) as consumer:
        answers = consumer.committed(asked, timeout=SECONDS)
    for one in answers:
        if one.error is not None:
            raise typed(one.error)
    return {Place(one.topic, one.partition): one.offset for one in answers if one.offset >= 0}


def commit(settings: Settings, offsets: Mapping[Place, int]) -> None:
    """Sets the service's group to these offsets.

    Blocks; raises `BrokerUnavailable`, or `BrokerRefused`, among others where the group has members.
    """
    wanted = [TopicPartition(str(place.topic), place.partition, offset) for place, offset in offsets.items()]
    with _consumer(settings) as consumer:
        answers = consumer.commit(offsets=wanted, asynchronous=False)
    for one in answers:
        if one.error is not None:
            raise typed(one.error)


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    """A consumer that is no member, and not the administration client: librdkafka 2.16 ends the process where that
    meets a broker which is not the coordinator yet.
    """
    consumer = Consumer(librdkafka(settings) | {"group.id": settings.consumer_group, "enable.auto.commit": False})
    try:
        yield consumer
    except KafkaException as error:
        if error.args[0].name() == "UNKNOWN_MEMBER_ID":
            raise BrokerRefused(f"the group {settings.consumer_group} has members: stop every worker") from None
        raise typed(error.args[0]) from error
    finally:
        consumer.close()
