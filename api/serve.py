"""One API process: serves until it is told to stop, finishes what it has begun, and lets its servers go."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from api import topic_watch
from api.app import create_app
from api.bounded_head import BoundedHead
from api.cursor import Cursors
from api.health import Health, KafkaProbe
from api.late_history import LateHistory
from api.live import tail
from api.live.rooms import Rooms
from api.read_side import ReadSide
from api.refusal_log import RefusalLog
from chat import tracing
from chat.errors import BadSetting, ChatError
from chat.garbage import collect_seldom
from chat.privacy.export.shelf import Shelf
from chat.privacy.export.signing import SigningKey, jwk
from chat.privacy.export.stores import store_of
from chat.privacy.key_store import key_store
from chat.settings import Settings
from chat.signals import told_to_stop
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


def status(program: Coroutine[Any, Any, int]) -> int:
    """Runs an API program to its end; its exit status, or the `exit_code` of the error that ended it."""
    try:
        return uvloop.run(program)
    except ChatError as error:
        _log.error("api_ended", error=type(error).__name__, reason=str(error), exit_code=error.exit_code)
        return error.exit_code


async def until_signalled(settings: Settings, listening: socket.socket | None = None, parent: int | None = None) -> int:
    """Serves until SIGINT or SIGTERM; as a child, on the parent's socket, also until its end of a pipe is closed.

    Raises as `serve`.
    """
    tracing.configure(settings, "api")
    stop = told_to_stop()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent, _at_the_end_of, parent, stop)
    await serve(settings, stop, lambda _address: collect_seldom(), listening)
    return 0


def _at_the_end_of(parent: int, stop: asyncio.Event) -> None:
    """Nothing is ever written there, so what can be read is the end."""
    asyncio.get_running_loop().remove_reader(parent)
    stop.set()


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] = lambda _address: None,
    listening: socket.socket | None = None,
) -> None:
    """Serves until `stop` is set, on `listening` where that is given. `on_ready` gets the address once requests are
    taken, Cassandra being there or not.

    Raises `BadSetting`, among others where API_PORT is taken, `SchemaMismatch` where `chat migrate` has to run,
    `TopicMismatch` where a topic has other partitions than recorded, and `SigningKeyUnfit` or `KeyStoreUnfit` where
    keys are missing or open to others.
    """
    history, kafka = LateHistory(settings), KafkaProbe(settings)
    side = _read_side(settings, history, kafka)
    server = _Server(_served_how(create_app(side)))
    with nullcontext(listening) if listening else listen(settings) as taken:
        address = _address(settings, taken)
        _log.info("api_serves", address=address)
        on_ready(address)
        topics = topic_watch.watch(kafka, lambda: history.connection)
        held = (history.hold(), side.verifier.keep(), tail.keep(settings, side.rooms), topics)
        await _until_stopped(server, taken, stop, side.rooms.close, *held)
    _log.info("api_stopped")


def _read_side(settings: Settings, history: LateHistory, kafka: KafkaProbe) -> ReadSide:
    return ReadSide(
        settings=settings,
        history=history,
        requests=history.requests,
        verifier=TokenVerifier(settings, OwnKeyring(history.keyring)),
        health=Health({"cassandra": history.probe, "kafka": kafka}),
        cursors=Cursors(history.cursor_secret),
        rooms=Rooms(history, settings.stream_listeners, settings.stream_seconds),
        exports=_shelf(settings, history) if settings.privacy_enabled else None,
        command_key=history.command_key,
        refusals=RefusalLog(settings).window,
    )


def _served_how(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHead,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would write ids of learners
        proxy_headers=False,  # TRUSTED_PROXIES decides, not uvicorn
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _shelf(settings: Settings, history: LateHistory) -> Shelf:
    """Where exports are fetched. Raises `SigningKeyUnfit`."""
    wrap = bundle_wrap(key_store(settings), lambda: history.connection)
    public = SigningKey.load(settings.signing_key_file).public
    return Shelf(store_of(settings), wrap, jwk(public), history.life_of)


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


def listen(settings: Settings) -> socket.socket:
    """The socket at API_HOST and API_PORT. Raises `BadSetting` where it cannot be had."""
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
