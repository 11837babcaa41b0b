"""`python -m bench.sealing`: what sealing costs a message, in µs of CPU. No server is needed."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from chat.domain.model import FIRST_LIFE, Learner, Message, ThreadKey
from chat.privacy.envelope import DataKey, new_key
from chat.privacy.key_folder import KeyFolder
from chat.storage import rows
from chat.storage.rows import Rows
from chat.storage.sealing import Cells

REPEATS = 7
CALLS = 20_000
LENGTHS = (110, 1_000, 16_384)

LEARNER = FIRST_LIFE.of(Learner("tenant-123", "learner-456"))
KEY = ThreadKey(LEARNER, "0199c0de-0000-7000-8000-000000000001")
MESSAGE_ID = "0199c0de-0000-7000-8000-000000000002"


def main() -> None:
    """Prints a table."""
    key = DataKey(new_key(), 1, LEARNER)
    print(f"load average {os.getloadavg()[0]:.1f}; medians of {REPEATS} × {CALLS:,}; µs of CPU\n")
    print("| content, bytes | row, plain | row, sealed | sealing two fields | opening one |\n|---|---|---|---|---|")
    for length in LENGTHS:
        message = Message(MESSAGE_ID, KEY.thread_id, 17, "teacher-1", "x" * length, "text", None, "{}", 1, 1)
        plain, sealed = (_row_cost(Cells(key, sealed=one), message) for one in (False, True))
        cell = key.seal("x" * length, "content", KEY.thread_id, MESSAGE_ID)
        opened = _cost(partial(key.open, cell, "content", KEY.thread_id, MESSAGE_ID))
        print(f"| {length:,} | {plain:.1f} | {sealed:.1f} | {sealed - plain:.1f} | {opened:.1f} |")
    print(f"\na learner's key made ready: {_cost(lambda: DataKey(bytes(32), 1, LEARNER)):.1f}")
    print(f"and unwrapped from the folder: {asyncio.run(_unwrapping()):.1f}")


def _row_cost(cells: Cells, message: Message) -> float:
    packing = Rows(dict.fromkeys(rows._ALL, b""), lambda _learner: cells)  # noqa: SLF001 - no server has prepared them
    return _cost(lambda: packing.message(KEY, message, 1, 1))


async def _unwrapping() -> float:
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder))
        epoch = await keys.new_epoch()
        wrapped = await keys.wrap(epoch, new_key(), "somebody")
        began = time.process_time()
        for _ in range(CALLS):
            await keys.unwrap(epoch, wrapped, "somebody")
        return (time.process_time() - began) / CALLS * 1e6


def _cost(call: Callable[[], object]) -> float:
    return statistics.median(_once(call) for _ in range(REPEATS))


def _once(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS * 1e6


if __name__ == "__main__":
    main()
