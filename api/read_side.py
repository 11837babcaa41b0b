"""What every route stands on, built once for a process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from api.cursor import Cursors
from api.health import Health
from api.live.rooms import Rooms
from api.refusal_log import ReadWindow, nothing_refused
from api.shared_reads import SharedReads
from chat.privacy.export.shelf import Shelf
from chat.privacy.sealed_command import CommandKey
from chat.settings import Settings
from chat.storage.history import History
from chat.storage.privacy_store import RequestHistory
from chat.tokens import TokenVerifier

FindCommandKey = Callable[[], Awaitable[CommandKey | None]]
"""What producers may seal commands to. Raises `StorageUnavailable`."""


async def no_command_key() -> None:
    """Of a service to which nothing is sealed."""


@dataclass(frozen=True, slots=True)
class ReadSide:
    """An application's parts."""

    settings: Settings
    history: History
    requests: RequestHistory
    verifier: TokenVerifier
    health: Health
    cursors: Cursors
    rooms: Rooms
    exports: Shelf | None = None
    command_key: FindCommandKey = no_command_key
    refusals: ReadWindow = nothing_refused
    pages: SharedReads = field(default_factory=SharedReads)


def read_side(request: Request) -> ReadSide:
    """The parts of the application that serves `request`."""
    return cast(ReadSide, request.app.state.read_side)
