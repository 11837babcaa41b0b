"""A worker's port: `/health/live`, `/health/ready` and `/metrics`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from chat.errors import BadSetting
from chat.metrics import LAG, OLDEST_UNFINISHED, WORKER, exposition
from chat.settings import Settings
from chat.topic_specs import Topic
from streams.waiting import Waiting


class Health:
    """What a worker says of itself."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self.app: Any = None

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether the worker is in its group and waits for no server."""
        away = self._waiting.away()
        joined = self.app is not None and self.app.joined
        owned = sum(tp.topic == Topic.COMMANDS for tp in self.app.consumer.assignment()) if joined else 0
        status = {"waiting_for": away, "joined": joined, "partitions": owned}
        return joined and not away, status

    def oldest_age(self) -> float:
        """Seconds since the broker took the oldest record that has no outcome yet; 0 where there is none."""
        oldest = self.app.consumer.outstanding.oldest() if self.app is not None and self.app.joined else None
        return 0.0 if oldest is None else max(0.0, time.time() - oldest / 1000)

    def metrics(self) -> bytes:
        """Prometheus' text format; a partition that went to another worker has no lag here any more."""
        LAG.clear()
        lags = self.app.consumer.lags() if self.app is not None and self.app.joined else {}
        for tp, lag in lags.items():
            LAG.labels(tp.topic, tp.partition).set(lag)
        return exposition(WORKER)


@asynccontextmanager
async def serving(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Serves while the block runs. Raises `BadSetting` where METRICS_PORT is taken."""
    runner = web.AppRunner(_application(health), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.api_host, settings.metrics_port).start()
    except OSError as error:
        await runner.cleanup()
        raise BadSetting(f"METRICS_PORT: port {settings.metrics_port} is taken") from error
    try:
        yield
    finally:
        await runner.cleanup()


def _application(health: Health) -> web.Application:
    OLDEST_UNFINISHED.set_function(health.oldest_age)
    application = web.Application()

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_request: web.Request) -> web.Response:
        good, status = health.ready()
        word = "ready" if good else "not ready"
        return web.json_response({"status": word, **status}, status=200 if good else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=health.metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application.add_routes(
        [web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)]
    )
    return application
