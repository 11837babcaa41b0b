"""A process that exports one learner, as a worker would, and says what that cost: `python -m tests.export_process`.

Reads JSON from stdin: `cassandra` (settings), `folder`, `threads`, `messages` of each. Writes one line of JSON.
"""

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from chat.domain.model import BUCKET, bucket_of
from chat.privacy.export.folder_store import FolderStore
from chat.settings import Settings
from chat.storage.export_reads import ExportReader
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection
from tests import bundles
from tests.records import settings_for_tests, uid

BARE = """SELECT seq, message_id, sender_id, message_type, content, metadata, reply_to, created_at, updated_at,
    deleted_at FROM messages
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND bucket = ?"""


def memory(name: str) -> int:
    """`VmRSS`, what this process holds now, or `VmHWM`, its highest since the mark was last taken back; in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))


def forget_the_peak() -> None:
    """Lets `VmHWM` begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def measure(told: dict[str, Any]) -> dict[str, Any]:
    """Exports, with a bare driver's read of the same rows before and after it."""
    settings: Settings = settings_for_tests(**told["cassandra"])
    connection = await Connection.open(settings)
    reader = await ExportReader.open(connection, await LearnerKeys.open(connection, settings, writes=False))
    bare = await connection.prepare(BARE)
    before = _bare_seconds(connection, bare, told)
    forget_the_peak()
    idle = memory("VmRSS")
    started = time.perf_counter()
    contents = await bundles.build(FolderStore(Path(told["folder"])), reader)
    seconds = time.perf_counter() - started
    peak = memory("VmHWM")
    after = _bare_seconds(connection, bare, told)
    await connection.close()
    return {
        "counts": contents.counts,
        "idle": idle,
        "peak": peak,
        "seconds": seconds,
        "bare_seconds": [before, after],
    }


def _bare_seconds(connection: Connection, statement: Any, told: dict[str, Any]) -> float:
    """How long the driver takes to page through the rows, a partition after the other, and do nothing with them."""
    statement.fetch_size = BUCKET
    started, rows = time.perf_counter(), 0
    for number in range(1, told["threads"] + 1):
        for bucket in range(bucket_of(told["messages"]) + 1):
            values = (*bundles.ONE_LIFE, uuid.UUID(uid(1, number)), bucket)
            rows += sum(1 for _ in connection.session.execute(statement, values))
    assert rows == told["threads"] * told["messages"], "the rows that were written"
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(json.load(sys.stdin)))) + "\n")
