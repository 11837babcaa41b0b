"""The application: routes, and the layers around them."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import openapi, problems, routes_messages, routes_service, routes_threads
from api.client_address import ClientAddress
from api.cursor import Cursors
from api.health import Health
from api.middleware import Observed, SecurityHeaders
from api.rate_limit import RateLimit
from api.read_side import ReadSide
from chat.settings import Settings
from chat.storage.history import History
from chat.tokens import TokenVerifier


def create_app(
    settings: Settings, history: History, verifier: TokenVerifier, health: Health, cursors: Cursors
) -> FastAPI:
    """The read side over these parts. Raises `BadSetting` where TRUSTED_PROXIES is wrong."""
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
        app.add_middleware(RateLimit, requests=settings.rate_limit, addresses=addresses)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET"],
            allow_headers=["authorization", "x-request-id"],
            expose_headers=["retry-after", "ratelimit", "ratelimit-policy", "x-request-id"],
        )
    app.add_middleware(Observed)
    app.add_middleware(SecurityHeaders)
