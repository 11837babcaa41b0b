"""What the service says of itself: its features, its health, its metrics. Nobody needs a token for these."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.documents import Liveness, Readiness, Service, problems
from api.read_side import read_side
from api.rendering import Json
from chat.metrics import API, exposition
from chat.settings import Settings

SERVICE = "aivo-chat"
PROBLEMS = problems(405, 500)
INDEX = problems(405, 429, 500) | {200: {"model": Service}}
LIVE = PROBLEMS | {200: {"model": Liveness}}
READY_OR_NOT = PROBLEMS | {200: {"model": Readiness}, 503: {"model": Readiness, "description": "Not ready"}}

router = APIRouter(tags=["service"])


def service_version() -> str:
    """The installed version; `unknown` where the program runs from its folder."""
    try:
        return version(SERVICE)
    except PackageNotFoundError:
        return "unknown"


def features(settings: Settings) -> dict[str, bool]:
    """What is on."""
    return {
        "rate_limiting": settings.enable_rate_limiting,
        "message_retention": True,
        "automatic_cleanup": settings.automatic_cleanup,
        "privacy": settings.privacy_enabled,
        "privacy_export": settings.privacy_enabled,
        "message_encryption": settings.message_encryption,
        "content_moderation": settings.content_moderation,
        "streaming": True,
    }


@router.get("/", response_class=Json, responses=INDEX)
async def index(request: Request) -> Response:
    """Which service this is, and which of its features are on."""
    found = features(read_side(request).settings)
    return Json({"service": SERVICE, "version": service_version(), "features": found})


@router.get("/health/live", response_class=Json, responses=LIVE)
async def live() -> Response:
    """Whether this process runs; asks no server."""
    return Json({"status": "live"})


@router.get("/health", name="health", response_class=Json, responses=READY_OR_NOT)
@router.get("/health/ready", response_class=Json, responses=READY_OR_NOT)
async def ready(request: Request) -> Response:
    """Whether Cassandra and Kafka answer."""
    states = await read_side(request).health.states()
    good = set(states.values()) <= {"up"}
    return Json({"status": "ready" if good else "not ready", **states}, 200 if good else 503)


@router.get("/metrics", response_class=PlainTextResponse, responses=PROBLEMS)
async def metrics() -> Response:
    """Prometheus' text format."""
    return Response(exposition(API), media_type=CONTENT_TYPE_LATEST)
