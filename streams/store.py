"""What a chunk writes, in the order that makes a crash between any two steps harmless.

1. Message rows, marks and remembered commands. A post is beyond `last_seq`, so nobody sees it yet; an edit or a mark
   that is seen before its commit point is the same after it.
2. `thread_log`: the commit point.
3. List rows. A crash before this step is mended when the record is read again and found applied.
"""

from chat.storage.store import Store
from streams.waiting import Waiting
from streams.work import Work


async def store(rows: Store, waiting: Waiting, work: Work) -> None:
    """Makes `work` durable, however long Cassandra is away."""
    if work.messages or work.commands:
        await waiting.until_served(lambda: rows.write_messages(work.messages, work.commands, work.marks))
    if work.threads:
        await waiting.until_served(lambda: rows.commit(list(work.threads.values())))
    listed = list({**work.repeated, **work.threads}.values())
    if listed:
        await waiting.until_served(lambda: rows.write_list(listed))
