"""The application: routes, and the layers around them."""

from fastapi import FastAPI

from api import cors, openapi, problems, routes_messages, routes_service, routes_threads
from api.client_address import ClientAddress
from api.cursor import Cursors
from api.health import Health
from api.middleware import Observed, SecurityHeaders, Unfailing
from api.rate_limit import RateLimit
from api.read_side import ReadSide
from api.request_count import RequestCount, storage_at
from chat.settings import Settings
from chat.storage.history import History
from chat.tokens import TokenVerifier


def create_app(
    settings: Settings, history: History, verifier: TokenVerifier, health: Health, cursors: Cursors
) -> FastAPI:
    """The read side over these parts. Raises `BadSetting` where CORS_ORIGINS, REDIS_URL or TRUSTED_PROXIES is wrong."""
    app = FastAPI(
        title="AIVO chat",
        description="Reads what the chat service keeps. Commands go through Kafka.",
        version=routes_service.service_version(),
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        # Its logs would hold what callers sent.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.read_side = ReadSide(settings, history, verifier, health, cursors)
    for routes in (routes_service, routes_threads, routes_messages):
        app.include_router(routes.router)
    problems.install(app)
    openapi.describe(app)
    _add_layers(app, settings)
    return app


def _add_layers(app: FastAPI, settings: Settings) -> None:
    """The last one added is the outermost."""
    if settings.enable_rate_limiting:
        addresses = ClientAddress(settings.trusted_proxies)
        count = RequestCount(settings.rate_limit, storage_at(settings.redis_url))
        app.add_middleware(RateLimit, count=count, addresses=addresses)
    app.add_middleware(Unfailing)
    cors.let_in(app, settings.cors_origins)
    app.add_middleware(Observed)
    app.add_middleware(SecurityHeaders)
