"""Where the service's group stands in the command topics, saved with a backup of the tables and brought back with it.

What is saved before a snapshot begins is below every command that the snapshot lacks: an offset is committed when the
outcome is in the tables. So a group set back to it reads all that the tables have forgotten. No worker may write while
a snapshot is taken, for it takes one table after the other, and a thread that is newer than its messages would hide
that they are lacking. An offset means something in one log only, so the topic's id and epoch go with it.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from chat import topics
from chat.broker import Place, broker
from chat.errors import BadInput, LogTruncated, TopicMadeAnew
from chat.group_offsets import commit, committed
from chat.privacy.durable import sync, write_new
from chat.settings import Settings
from chat.storage.session import Connection
from chat.storage.topic_registry import KnownTopic
from chat.topic_specs import Topic

COMMAND_TOPICS = (Topic.COMMANDS, Topic.PRIVACY_COMMANDS)


class SavedTopic(NamedTuple):
    """A topic as it was; `offsets` has the next record to be read of each partition, in their order."""

    topic_id: str
    epoch: int
    offsets: list[int]


async def save(settings: Settings, file: Path) -> dict[str, SavedTopic]:
    """Writes the file, which must not be there, and returns what is in it; the group must have no member.

    Raises `OSError`, and as `topics.check` and `commit` do.
    """
    known = await _known(settings)
    places = [place for name in COMMAND_TOPICS for place in _places(known[name])]
    found = await asyncio.to_thread(_committed_for_good, settings, places)
    saved = {
        str(name): SavedTopic(
            known[name].topic_id, known[name].epoch, [found.get(place, 0) for place in _places(known[name])]
        )
        for name in COMMAND_TOPICS
    }
    write_new(file, orjson.dumps({name: one._asdict() for name, one in saved.items()}))
    sync(file.parent)
    return saved


async def restore(settings: Settings, file: Path) -> dict[str, SavedTopic]:
    """Sets the group back, or changes nothing; the group must have no member.

    Raises `LogTruncated` where a log has lost records since or is older than the file, `TopicMadeAnew` where it is
    another log, `BadInput` where the file is none of `save`'s, `OSError`, and as `topics.check` and `commit` do.
    """
    saved = _read(file)
    known = await _known(settings)
    for name, one in saved.items():
        if (one.topic_id, one.epoch) != (known[name].topic_id, known[name].epoch):
            raise TopicMadeAnew(f"{name} was made anew since its offsets were saved: they mean nothing in it")
    wanted = {Place(name, at): offset for name, one in saved.items() for at, offset in enumerate(one.offsets)}
    await asyncio.to_thread(_require_records, settings, wanted)
    await asyncio.to_thread(commit, settings, wanted)
    return saved


def _committed_for_good(settings: Settings, places: Collection[Place]) -> dict[Place, int]:
    """As `committed`, of a group without members: a broker lets nobody else commit for one that has some."""
    found = committed(settings, places)
    if found:
        commit(settings, found)
    return found


async def _known(settings: Settings) -> dict[str, KnownTopic]:
    connection = await Connection.open(settings)
    try:
        return await topics.check(settings, connection)
    finally:
        await connection.close()


def _places(topic: KnownTopic) -> Iterator[Place]:
    return (Place(topic.name, partition) for partition in range(topic.partitions))


def _read(file: Path) -> dict[str, SavedTopic]:
    try:
        found = {name: SavedTopic(**one) for name, one in orjson.loads(file.read_bytes()).items()}
        known = found.keys() == set(COMMAND_TOPICS)
        counts = [offset >= 0 for one in found.values() for offset in one.offsets]
    except (ValueError, TypeError, AttributeError):
        known, counts = False, []
    if not (known and all(counts)):
        raise BadInput("FILE", "must be what `chat offsets save` wrote")
    return found


def _require_records(settings: Settings, wanted: Mapping[Place, int]) -> None:
    """That the log has every record from these offsets on."""
    kafka = broker(settings)
    begins, ends = kafka.begins(wanted), kafka.ends(wanted)
    for place, offset in wanted.items():
        if begins[place] > offset:
            lost = begins[place] - offset
            raise LogTruncated(f"{place.topic}[{place.partition}] has lost {lost} records that the tables lack as well")
        if ends[place] < offset:
            raise LogTruncated(f"{place.topic}[{place.partition}] ends at {ends[place]}, before {offset}: an older log")
