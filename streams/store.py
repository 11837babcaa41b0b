"""What a chunk writes, in the order that makes a crash between any two steps harmless.

1. Message rows and remembered commands: nobody sees them yet.
2. `thread_log`: the commit point.
3. List rows. A crash before this step is mended when the record is read again and found applied.
"""

from chat.storage.store import Store
from streams.apply import Work
from streams.waiting import Waiting


async def store(rows: Store, waiting: Waiting, work: Work) -> None:
    """Makes `work` durable, however long Cassandra is away."""
    if work.messages or work.commands:
        await waiting.until_served(lambda: rows.write_messages(work.messages, work.commands))
    if work.threads:
        await waiting.until_served(lambda: rows.commit(list(work.threads.values())))
    listed = list({**work.repeated, **work.threads}.values())
    if listed:
        await waiting.until_served(lambda: rows.write_list(listed))
