"""What a chunk writes, in the order that makes a crash between any two steps harmless.

1. New messages and remembered commands: nobody sees a post beyond `last_seq`, and a command counts only when its thread
   has come so far.
2. `thread_log`: the commit point.
3. Changed messages, marks and list rows. None of it may be written before, else a second run would judge by its own
   effects. A crash before or within this step is mended when the record is read again and found applied.
"""

import asyncio

from chat.storage.store import Store
from streams.waiting import Waiting
from streams.work import Work


async def store(rows: Store, waiting: Waiting, work: Work) -> None:
    """Makes `work` durable, however long Cassandra is away."""
    if work.commands:
        await waiting.until_served(lambda: rows.write_messages(work.posts, work.commands))
    if work.threads:
        await waiting.until_served(lambda: rows.commit(list(work.threads.values())))
    if work.threads or work.repeated:
        await waiting.until_served(lambda: _show(rows, work))


async def _show(rows: Store, work: Work) -> None:
    listed = list({**work.repeated, **work.threads}.values())
    showing = [rows.write_list(listed)]
    if work.changes or work.marks:
        showing.append(rows.write_messages(work.changes, (), work.marks))
    await asyncio.gather(*showing)
