"""The application: routes, and the layers around them."""

from fastapi import FastAPI

from api import (
    console_page,
    cors,
    docs_page,
    openapi,
    problems,
    routes_command_keys,
    routes_exports,
    routes_messages,
    routes_privacy,
    routes_refusals,
    routes_service,
    routes_stream,
    routes_threads,
)
from api.client_address import ClientAddress
from api.middleware import HeadAsGet, Observed, SecurityHeaders, Unfailing
from api.rate_limit import RateLimit
from api.read_side import ReadSide
from api.request_count import RequestCount, storage_at
from chat.settings import Settings

# In the order in which a path is looked for: first what is asked for most.
ROUTES = (
    routes_messages,
    routes_threads,
    routes_service,
    routes_stream,
    routes_refusals,
    routes_privacy,
    routes_exports,
    routes_command_keys,
    docs_page,
    console_page,
)


def create_app(side: ReadSide) -> FastAPI:
    """The application. Raises `BadSetting` where CORS_ORIGINS, REDIS_URL or TRUSTED_PROXIES is wrong."""
    app = described_app()
    app.state.read_side = side
    problems.install(app)
    _add_layers(app, side.settings)
    return app


def described_app() -> FastAPI:
    """The routes and their description, with nothing behind them: no setting changes what the API looks like."""
    app = FastAPI(
        title="AIVO chat",
        description=openapi.DESCRIPTION,
        version=routes_service.service_version(),
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        openapi_tags=openapi.TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        # Its logs would hold what callers sent.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for routes in ROUTES:
        app.include_router(routes.router)
    openapi.describe(app)
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
    app.add_middleware(HeadAsGet)
