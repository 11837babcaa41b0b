"""The service with nothing to say of itself: no metric, no line, no span on a command's way. See `bench.watching`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from chat.settings import load
from chat.storage import session
from streams.run import run


@contextmanager
def unwatched(_statement: Any) -> Iterator[None]:
    """As `chat.storage.session.asked`, without its measures."""
    try:
        yield
    except session.FAULTS as error:
        raise session._typed(error) from error  # noqa: SLF001 - its twin


def nothing(*_: Any, **__: Any) -> None:
    """Says nothing."""


def no_span(*_: Any, **__: Any) -> nullcontext[None]:
    """A block like any other."""
    return nullcontext()


if __name__ == "__main__":
    with (
        patch("streams.lane.account", nothing),
        patch("streams.lane.span", no_span),
        patch("streams.publish.span", no_span),
        patch("streams.emit.traceparent_of", nothing),
        patch("chat.storage.session.asked", unwatched),
    ):
        sys.exit(run(load()))
