"""Which topics we know: each one's Kafka id, partition count and epoch, recorded once by lightweight transactions.

A position in a log means nothing once its topic was made anew, so another id is never taken silently.
"""

from typing import Any, NamedTuple

from chat.errors import TopicMadeAnew, TopicMismatch
from chat.storage.session import Connection

FIRST_EPOCH = 1

_READ = "SELECT name, topic_id, partitions, epoch FROM topics"
_RECORD = "INSERT INTO topics (name, topic_id, partitions, epoch) VALUES (%s, %s, %s, %s) IF NOT EXISTS"
_OPEN_EPOCH = "UPDATE topics SET topic_id = %s, epoch = %s WHERE name = %s IF topic_id = %s AND epoch = %s"


class KnownTopic(NamedTuple):
    """A topic as recorded. `epoch` counts the lives that an operator opened for it: 1, 2, 3 …"""

    name: str
    topic_id: str
    partitions: int
    epoch: int


async def known(connection: Connection) -> dict[str, KnownTopic]:
    """Every recorded topic by its name. Raises `StorageUnavailable`."""
    return {row.name: KnownTopic(*row) for row in await connection.execute(_READ)}


async def record(connection: Connection, name: str, topic_id: str, partitions: int) -> KnownTopic:
    """The topic as recorded, by us or by somebody before us.

    Raises `TopicMadeAnew` where another id is recorded and `TopicMismatch` where another partition count is.
    """
    mine = KnownTopic(str(name), topic_id, partitions, FIRST_EPOCH)
    answer = (await connection.execute(_RECORD, mine))[0]
    return mine if answer.applied else _same(_row(answer), mine)


async def open_epoch(connection: Connection, name: str, topic_id: str, partitions: int) -> KnownTopic:
    """Takes a topic that was made anew as it is now: the operator's decision. Changes nothing where its id is recorded.

    Raises `TopicMismatch` where another partition count is recorded, and `TopicMadeAnew` where somebody else took yet
    another topic at the same time.
    """
    before = (await known(connection)).get(name)
    if before is None or before.topic_id == topic_id:
        return await record(connection, name, topic_id, partitions)
    after = KnownTopic(str(name), topic_id, partitions, before.epoch + 1)
    _same(before._replace(topic_id=topic_id), after)
    values = (topic_id, after.epoch, after.name, before.topic_id, before.epoch)
    answer = (await connection.execute(_OPEN_EPOCH, values))[0]
    return after if answer.applied else await record(connection, name, topic_id, partitions)


def _row(answer: Any) -> KnownTopic:
    return KnownTopic(answer.name, answer.topic_id, answer.partitions, answer.epoch)


def _same(recorded: KnownTopic, mine: KnownTopic) -> KnownTopic:
    if recorded.topic_id != mine.topic_id:
        raise TopicMadeAnew(f"{mine.name} is {mine.topic_id}, recorded is {recorded.topic_id}: it was made anew")
    if recorded.partitions != mine.partitions:
        raise TopicMismatch(f"{mine.name} has {mine.partitions} partitions, recorded are {recorded.partitions}")
    return recorded
