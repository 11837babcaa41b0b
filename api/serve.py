"""One API process: serves until it is told to stop, finishes what it has begun, and lets its servers go."""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop

from api.app import create_app
from api.cursor import Cursors
from api.health import Health, KafkaProbe
from api.late_history import LateHistory
from api.live import tail
from api.live.rooms import Rooms
from api.read_side import ReadSide
from api.refusal_log import RefusalLog
from chat import logs, tracing
from chat.errors import BadSetting, ChatError
from chat.privacy.export.shelf import Shelf
from chat.privacy.export.signing import SigningKey, jwk
from chat.privacy.export.stores import store_of
from chat.privacy.key_store import key_store
from chat.settings import Settings
from chat.storage.bundle_wrap import bundle_wrap
from chat.token_keys import OwnKeyring
from chat.tokens import TokenVerifier

GRACE_SECONDS = 10
"""How long requests that are under way may take to end."""

BACKLOG = 2048

_log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn would raise them again, and the process end with their status."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: Settings) -> int:
    """Runs an API process; the exit status is 0 after SIGINT or SIGTERM, else the error's `exit_code`."""
    logs.configure(settings.log_level)
    tracing.configure(settings, "api")
    try:
        uvloop.run(_until_signalled(settings))
    except ChatError as error:
        _log.error("api_ended", error=type(error).__name__, reason=str(error), exit_code=error.exit_code)
        return error.exit_code
    return 0


async def serve(
    settings: Settings, stop: asyncio.Event, on_ready: Callable[[str], None] = lambda _address: None
) -> None:
    """Serves until `stop` is set. `on_ready` gets the address once requests are taken, Cassandra being there or not.

    Raises `BadSetting`, among others where API_PORT is taken, `SchemaMismatch` where `chat migrate` has to run, and
    `SigningKeyUnfit` or `KeyStoreUnfit` where keys are missing or open to others.
    """
    history = LateHistory(settings)
    health = Health({"cassandra": history.probe, "kafka": KafkaProbe(settings)})
    verifier = TokenVerifier(settings, OwnKeyring(history.keyring))
    cursors = Cursors(history.cursor_secret)
    shelf = _shelf(settings, history) if settings.privacy_enabled else None
    rooms = Rooms(history, settings.stream_listeners, settings.stream_seconds)
    refused = RefusalLog(settings).window
    app = create_app(
        ReadSide(
            settings, history, history.requests, verifier, health, cursors, rooms, shelf, history.command_key, refused
        )
    )
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would write ids of learners
        proxy_headers=False,  # TRUSTED_PROXIES decides, not uvicorn
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with _listen(settings) as listening:
        address = _address(settings, listening)
        _log.info("api_serves", address=address)
        on_ready(address)
        held = (history.hold(), verifier.keep(), tail.keep(settings, rooms))
        await _until_stopped(_Server(config), listening, stop, rooms.close, *held)
    _log.info("api_stopped")


def _shelf(settings: Settings, history: LateHistory) -> Shelf:
    """Where exports are fetched. Raises `SigningKeyUnfit`."""
    wrap = bundle_wrap(key_store(settings), lambda: history.connection)
    return Shelf(store_of(settings), wrap, jwk(SigningKey.load(settings.signing_key_file).public))


async def _until_stopped(
    server: uvicorn.Server,
    listening: socket.socket,
    stop: asyncio.Event,
    end_streams: Callable[[], None],
    *held: Coroutine[Any, Any, None],
) -> None:
    """Answers what is under way before it lets go what is `held`, none of which ends by itself but by an error."""
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(server.serve([listening]))
    holding = [asyncio.create_task(one) for one in held]
    try:
        await asyncio.wait({stopping, serving, *holding}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        end_streams()
        await asyncio.wait({serving})
        for one in holding:
            one.cancel()
        await asyncio.wait(holding)
    for ended in (serving, *holding):
        if not ended.cancelled():
            ended.result()


async def _until_signalled(settings: Settings) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await serve(settings, stop)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        made = socket.create_server((settings.api_host, settings.api_port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise BadSetting(f"API_HOST, API_PORT: nothing can listen there ({error.strerror})") from error
    # Connections inherit it. Without it the body of an answer waits 40 ms for the reader to acknowledge the headers.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _address(settings: Settings, listening: socket.socket) -> str:
    """Where a client on this machine finds the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api_host, settings.api_host)
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
