"""What is left of a deleted thread goes: first its Kafka tombstones, acknowledged, then its rows.

The rows are the list of what is to be tombstoned, so they must not go first. A crash in between begins again when the
record is read again: tombstones may repeat, and a row that is gone stays gone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from chat.domain.events import THREAD_DELETED, Event
from chat.domain.model import ThreadKey
from chat.storage.store import Gone, Store
from chat.storage.writes import EventKeys
from streams.emit import Emitter
from streams.records import Deletion, Record
from streams.waiting import Waiting
from streams.work import Work


async def purge(rows: Store, emitter: Emitter, waiting: Waiting, deletion: Deletion) -> None:
    """Returns when compaction may remove the thread's words from Kafka and nothing of them is left in the store."""
    users = await waiting.until_served(lambda: _tombstone(rows, emitter, deletion))
    await waiting.until_served(lambda: rows.purge(deletion.key, deletion.thread, users))


async def _tombstone(rows: Store, emitter: Emitter, deletion: Deletion) -> list[str]:
    """Tombstones page by page; the users whose marks were found."""
    users: list[str] = []
    async for page in rows.event_keys(deletion.key):
        users += page.users
        await emitter.tombstone(deletion.partition, _event_keys(deletion.key, page), deletion.time)
    return users


async def take_back_late(emitter: Emitter, work: Work) -> None:
    """Tombstones behind what was just said again of deleted threads, whose own tombstones may stand before it."""
    deleted = tuple(f"{_base(key)}/" for key in work.repeated)
    await _take_back(emitter, [one for one in work.late if one[1].key.startswith(deleted)])


async def take_back(rows: Store, emitter: Emitter, waiting: Waiting, work: Work) -> None:
    """Tombstones for what was just said of threads and lives that a successor had ended before it was said."""
    gone = await waiting.until_served(lambda: rows.gone({*work.threads, *work.repeated}))
    await _take_back(emitter, list(_said_of(gone, work.events)))


def _said_of(gone: Gone, said: Sequence[tuple[Record, Event]]) -> Iterator[tuple[Record, Event]]:
    """All that was said of who was erased; of a deleted thread all, but where the last word is that it was deleted."""
    erased, deleted = (tuple(f"{_base(key)}/" for key in keys) for keys in (gone.erased, gone.deleted))
    ended = {event.key for _, event in said if event.type == THREAD_DELETED}
    for record, event in said:
        of = f"{event.key}/"
        if of.startswith(erased) or (of.startswith(deleted) and event.key not in ended):
            yield record, event


async def _take_back(emitter: Emitter, said: Iterable[tuple[Record, Event]]) -> None:
    keys: defaultdict[int, list[str]] = defaultdict(list)
    time = 0
    for record, event in said:
        keys[record.partition].append(event.key)
        time = max(time, record.timestamp)
    for partition, those in keys.items():
        await emitter.tombstone(partition, those, time)


def _base(key: ThreadKey) -> str:
    return f"{key.learner.tenant_id}/{key.learner.learner_id}/{key.thread_id}"


def _event_keys(key: ThreadKey, page: EventKeys) -> list[str]:
    base = _base(key)
    return [f"{base}/{one}" for one in page.messages] + [f"{base}/read/{user}" for user in page.users]
