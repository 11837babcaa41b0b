"""What every task of a process waits for, said on stderr when it is sent SIGQUIT: for a worker that stands still."""

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

ASK = signal.SIGQUIT
SAID = "that is what its tasks wait for"


def tell_when_asked() -> None:
    """Of all event loops, whichever thread they are in."""
    signal.signal(ASK, _tell)


def _tell(_number: int, _frame: FrameType | None) -> None:
    tasks = [one for one in gc.get_objects() if isinstance(one, asyncio.Task) and not one.done()]
    lines = [line for one in tasks for line in (f"{one.get_name()}:", *_places(one.get_coro()))]
    sys.stderr.write("\n".join((*lines, SAID, "")))
    sys.stderr.flush()


def _places(coroutine: Any) -> Iterator[str]:
    """From the outermost call to what is awaited in the end."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            yield f"  {coroutine!r}"
            return
        yield f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
